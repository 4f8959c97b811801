# SPDX-License-Identifier: Apache-2.0
# Labels go the whole way, one model a format: from the file, or from --labels, into IR of both versions, and classify
# prints them.
assets=${CARINA_ASSETS:-$(dirname "$0")/../../../shared/assets}
[ -d "$assets/models" ] || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '%s\n' plane 'motor car' bird_of_prey cat deer 'dog, small' frog horse ship truck >"$folder/labels.txt"
image=$assets/images/photos/chelsea.png
whole_way() { # MODEL [OPTION...]
    for version in 10 11; do
        "$CARINA" convert "$assets/models/$1" "${@:2}" --ir-version $version --model-name net -o "$folder" --quiet >/dev/null
        "$CARINA" info "$folder/net.xml" | grep '^  labels' | cut -c1-60
        "$CARINA" classify -m "$folder/net.xml" -i "$image" -nt 10 | grep -c -e 'motor car' -e bird_of_prey -e 'dog, small'
    done
}
for model in caffe/samplenet_cifar10/SampLeNet.prototxt onnx/samplenet.onnx tf_frozen/samplenet.pb \
    keras/pretrainedResnet_cifar10.h5 openvino/SampLeNet_IRv10_FP32/SampLeNet.xml tflite/pretrainedResnet_cifar10_float.tflite; do
    echo "$model"
    whole_way $model --labels "$folder/labels.txt"
done
echo mxnet
whole_way mxnet/samplenet-symbol.json --labels "$folder/labels.txt" --input-shape '[1,3,32,32]'
echo "the file's own"
formats=$(dirname "$0")/../formats
for model in tflite/labels.tflite keras/labels.h5 keras/labels.keras onnx/info.onnx; do
    "$CARINA" convert "$formats/$model" --model-name net -o "$folder" --quiet >/dev/null
    "$CARINA" info "$folder/net.xml" | grep '^  labels'
done
echo "beside the model, as OpenVINO's samples have them"
"$CARINA" convert "$assets/models/onnx/samplenet.onnx" --model-name net -o "$folder" --quiet >/dev/null
cp "$folder/labels.txt" "$folder/net.labels"
"$CARINA" classify -m "$folder/net.xml" -i "$image" -nt 10 | grep -c -e 'motor car' -e bird_of_prey -e 'dog, small'
for model in onnx/version-RFB-320.onnx caffe/samplenet_cifar10/SampLeNet.prototxt mxnet/samplenet-symbol.json tf_frozen/samplenet.pb \
    tf_savedmodel/kws_ref_model keras/pretrainedResnet_cifar10.h5 openvino/SampLeNet_IRv10_FP32/SampLeNet.xml \
    openvino/squeezenet1.1_IRv6_FP16/squeezenet1.1.xml tflite/mobilenet_v1_0.25_224_float.tflite; do
    "$CARINA" info "$assets/models/$model" | grep -e '^  producer' -e '^  signature' -e '^  min_runtime'
done
