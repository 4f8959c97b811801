
.
xPlaceholder*
dtype0*
shape:

yAddx"¿