
.
xPlaceholder*
dtype0*
shape:


wConst

yAddxw"¿