

xPlaceholder*
dtype0

ySoftmaxx"¿