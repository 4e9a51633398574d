// Also Embedded Swift: typed throws, no key paths, no casts.
// Limits of the arguments together, and those that several checks use.

import Networks
import Signal

extension Configuration {
    /// Limits that several checks or the inference of arguments use.
    enum Limits {
        static let channels = 65_536
        static let depth = 16
        static let dconvDepth = 16
        static let tLayers = 256
        static let lstmLayers = 16
        /// Hidden size of DConv or of the transformer.
        static let hidden = 1_048_576
    }

    /// Samples of the longest segment that the network runs on: the training segment of HTDemucs,
    /// else as many as memory allows, to which the largest activation is proportional.
    package var longestSegmentSamples: Int {
        guard arguments.architecture != .htdemucs else { return segmentSamples }
        let samples = Double(segmentSamples) * (ModelLimits.activation / largestActivation)
        // In browsers an Int has 32 bits.
        return Int(min(samples, 0x1p30))
    }

    /// Values in the largest activation of a segment.
    private var largestActivation: Double {
        let outputs = Double(arguments.audioChannels * arguments.sources.count)
        var largest =
            arguments.architecture == .demucs
            ? outputs * Double(layers[0].time.lengthIn)
            : 2 * outputs * Double(frequencies) * Double(segmentFrames)
        var tokens = 0.0
        for layer in layers {
            let frames = layer.isTimeOnly ? 1 : Double(segmentFrames)
            tokens = max(Double(layer.frequency.lengthOut) * frames, Double(layer.time.lengthOut))
            // The rewrite convolutions give twice the channels, LSTMs have four gates and two
            // directions.
            largest = max(largest, 2 * Double(layer.channelsOut) * tokens)
            if layer.hasLSTM { largest = max(largest, 16 * Double(layer.dconvHidden) * tokens) }
            // DConv keeps its hidden channels of all positions of a waveform.
            if arguments.dconvMode != 0, arguments.dconvDepth != 0 {
                largest = max(largest, Double(layer.dconvHidden) * tokens)
            }
        }
        largest = max(largest, Double(max(transformerHidden, transformerChannels)) * tokens)
        if arguments.lstmLayers > 0 {
            largest = max(largest, 8 * Double(innerChannels) * tokens)
        }
        return largest
    }

    /// Refuses sizes whose activations would need too much memory.
    func checkMemory() throws(ConfigurationError) {
        let largest = largestActivation
        guard largest <= ModelLimits.activation else {
            throw .invalid(
                key: "segment", found: "\(arguments.segment.seconds)",
                allowed: "with the other arguments a segment of \(segmentSamples) samples needs "
                    + "an activation of \(largest) values; at most \(ModelLimits.activation) are "
                    + "allowed")
        }
    }
}

extension Configuration.Hyperparameters {
    private typealias Limits = Configuration.Limits

    /// Checks the range of every number.
    func checkRanges() throws(ConfigurationError) {
        for argument in Argument.all { try argument.check(self) }
        guard STFT.supports(nfft: nfft) else {
            throw .invalid(
                key: "nfft", found: "\(nfft)", allowed: "it must be a power of two, at least 8")
        }
    }

    /// The number of samples of a training segment, checked.
    func checkedSegmentSamples() throws(ConfigurationError) -> Int {
        guard let samples = segment.samples(atHz: samplerate) else {
            throw .invalid(
                key: "segment", found: "\(segment.seconds)",
                allowed: "it must be a positive number of seconds, at least one sample long")
        }
        return samples
    }

    /// Checks the transformer's sizes and gives its feed-forward hidden size, `int(dim * scale)`.
    func checkTransformer(inner: Int, size: Int) throws(ConfigurationError) -> Int {
        guard bottomChannels > 0 || tLayers > 0 else { return 0 }
        // The reference also computes this size without truncating at each layer; both must agree.
        var expected = Double(channels)
        for _ in 1..<depth { expected *= growth }
        guard expected == Double(inner) else {
            throw .invalid(
                key: "growth", found: "\(growth)",
                allowed: "the last layer has \(inner) channels, but the transformer expects "
                    + "channels·growth^(depth − 1) = \(expected)")
        }
        guard tLayers > 0 else { return 0 }

        let sizeKey = bottomChannels > 0 ? "bottom_channels" : "channels"
        guard size % 4 == 0 else {
            throw .invalid(
                key: sizeKey, found: "\(bottomChannels > 0 ? bottomChannels : channels)",
                allowed: "the transformer's size, here \(size), must be a multiple of 4 for its "
                    + "positional embedding")
        }
        guard size % tHeads == 0 else {
            throw .invalid(
                key: "t_heads", found: "\(tHeads)",
                allowed: "it must divide the transformer's size, here \(size)")
        }
        let hidden = Double(size) * tHiddenScale
        guard hidden >= 1, hidden <= Double(Limits.hidden) else {
            throw .invalid(
                key: "t_hidden_scale", found: "\(tHiddenScale)",
                allowed: "a transformer of size \(size) gets \(hidden) hidden values, and 1 to "
                    + "\(Limits.hidden) are possible")
        }
        return Int(hidden)
    }
}
