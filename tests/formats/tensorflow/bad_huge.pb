
.
xPlaceholder*
dtype0*
shape:
-
wConst*!
valueB€€€€€ €€€€€ 

yAddxw"¿