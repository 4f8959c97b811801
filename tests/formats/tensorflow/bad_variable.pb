
.
xPlaceholder*
dtype0*
shape:
-
v
VariableV2*
dtype0*
shape:

yAddxv"¿