

yNega

aExpx
2
xPlaceholder*
dtype0*
shape
:"¿