
:
xPlaceholder*
dtype0*
shape:
O
yAvgPoolx*
ksize

*
strides

*
paddingVALID"¿