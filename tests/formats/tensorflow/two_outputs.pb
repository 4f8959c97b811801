
2
xPlaceholder*
dtype0*
shape
:

aRelux

bTanhx:0"¿