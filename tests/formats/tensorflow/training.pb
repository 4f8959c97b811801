
2
xPlaceholder*
dtype0*
shape
:

yRelux
-
v
VariableV2*
shape:*
dtype0

lossScalarSummaryyy

step	AssignAddvy

gradients/zNegy

initNoOp^step

zTanhy^step"¿