
.
xPlaceholder*
dtype0*
shape:
(
wConst*
valueBþÿÿÿÿÿÿÿÿ

yAddxw"¿