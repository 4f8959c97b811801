
.
xPlaceholder*
dtype0*
shape:

aRelux

yAddxa:3"¿