
.
xPlaceholder*
dtype0*
shape:
 
eEnterx*

frame_namef

lExite

yNegl"¿