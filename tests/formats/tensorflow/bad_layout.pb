
:
xPlaceholder*
dtype0*
shape:
e
yMaxPoolx*
ksize

*
strides

*
paddingSAME*
data_formatCHWN"¿