# SPDX-License-Identifier: Apache-2.0
# The ways to name TensorFlow's files, as the Model Optimizer had them; what does not fit together is said.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$(dirname "$0")/../formats/tensorflow_bundle" || exit 1
convert() { "$CARINA" convert "$@" -o "$work" -n net --data_type FP16 2>&1 | sed "s|$work/||"; }
convert --input_model=train_graph.pb --input_checkpoint=train
convert --input_model=train_graph.pbtxt --input_model_is_text --input_checkpoint train.index --output=logits:0
convert --input_model train_graph.pb --input_checkpoint train --input "0:conv/Conv2D" --output conv/cond/Merge
convert --input_meta_graph=train.meta --input_shape=[1,4,4,2] --freeze_placeholder_with_value="is_training->False"
convert --input_checkpoint=train --input="images[1,4,4,2],is_training->False" --output=Relu
convert --saved_model_dir=module --signature both --output sum
convert --saved_model_dir=module --saved_model_tags serve --framework tf
convert keras_export --input_shape=[2,6,6,2] --log_level=ERROR --tensorboard_logdir=x
convert --saved_model_dir=module --framework onnx
convert --saved_model_dir=module --input_meta_graph train.meta
convert --saved_model_dir=module --signature sum
convert --input_model=train_graph.pb --input_checkpoint train --output=logit
convert --input_model=train_graph.pb --input_checkpoint train --input=images --input_shape=[1,4,4,2],[3]
convert module --tensorflow_custom_operations_config_update=ssd.json --strict
"$CARINA" info module --signature both | head -4
"$CARINA" run train_graph.pb -w train --in train.x.npy -o "$work" | tail -1
