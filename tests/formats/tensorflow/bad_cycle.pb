
.
xPlaceholder*
dtype0*
shape:

aAddxb

bNega

yExpb"¿