// Also Embedded Swift: typed throws, no key paths, no casts.
// The checkpoint keys of Demucs, whose layers are `nn.Sequential`s: modules are numbered, and a
// module that is left out changes the numbers after it.

import Layers
import Tensor
import WeightsLoader

extension StateDictReader {
    /// `encoder.{index}`: `.0` strided convolution, `.1` norm, `.2` GELU; then DConv if the layer
    /// has one; then rewrite, its norm and GLU.
    func waveformEncoder(
        _ reader: ParameterReader, _ layer: Configuration.LayerShape
    ) throws(WeightsError) -> HEncLayer {
        let (channels, shape) = (layer.channelsOut, layer.time)
        let place = configuration.hasEncoderDConv ? 4 : 3
        return HEncLayer(
            conv: Conv2d(
                weight: try weights(
                    reader.scope("0"), [channels, shape.channelsIn, shape.kernel]),
                inputs: shape.channelsIn, outputs: channels,
                kernel: .init(freq: 1, time: shape.kernel),
                stride: .init(freq: 1, time: shape.stride), padding: .init(freq: 0, time: 0),
                on: backend),
            convBias: try bias(reader.scope("0"), channels), timeStride: shape.stride,
            body: HEncLayer.Body(
                norm1: try norm(reader.scope("1"), layer, channels: channels),
                dconv: configuration.hasEncoderDConv
                    ? try dconv(reader.scope("3"), layer) : nil,
                rewrite: try rewrite(
                    reader.scope("\(place)"), norm: reader.scope("\(place + 1)"), layer,
                    context: 0, isFrequency: false)))
    }

    /// `decoder.{depth − 1 − index}`: `.0` rewrite, `.1` norm, `.2` GLU; then DConv if the layer
    /// has one; then the transposed convolution and, except in the outermost layer, its norm and
    /// GELU.
    func waveformDecoder(
        _ reader: ParameterReader, _ layer: Configuration.LayerShape
    ) throws(WeightsError) -> HDecLayer {
        let (channels, shape) = (layer.channelsOut, layer.time)
        let (outputs, isLast) = (shape.decoderChannelsOut, layer.index == 0)
        let place = configuration.hasDecoderDConv ? 4 : 3
        let convTranspose = reader.scope("\(place)")
        return HDecLayer(
            isFrequency: false,
            body: HDecLayer.Body(
                rewrite: try rewrite(
                    reader.scope("0"), norm: reader.scope("1"), layer,
                    context: configuration.arguments.context, isFrequency: false),
                dconv: configuration.hasDecoderDConv
                    ? try dconv(reader.scope("3"), layer) : nil),
            convTranspose: ConvTranspose(
                weight: try weights(
                    convTranspose, [channels, outputs, shape.kernel], outputAxis: 1),
                inputs: channels, outputs: outputs, kernel: shape.kernel, stride: shape.stride,
                on: backend),
            convTransposeBias: try bias(convTranspose, outputs),
            norm2: isLast
                ? nil : try norm(reader.scope("\(place + 1)"), layer, channels: outputs),
            padding: 0, isLast: isLast)
    }
}
