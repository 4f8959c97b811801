
.
xPlaceholder*
dtype0*
shape:

yBlurx"¿