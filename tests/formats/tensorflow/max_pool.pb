
:
xPlaceholder*
dtype0*
shape:
N
yMaxPoolx*
ksize

*
strides

*
paddingSAME"¿