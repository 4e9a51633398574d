// Also Embedded Swift: typed throws, no key paths, no casts.
// Limits of the arguments. Upper limits are far above any published model: they keep a
// damaged file from requesting more memory than the machine has, and products of sizes from
// overflowing.

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

    /// The allowed values of a numeric argument.
    struct Allowed<Value: Comparable & CustomStringConvertible> {
        let range: ClosedRange<Value>
        /// The range in words.
        let text: String

        init(_ range: ClosedRange<Value>, _ text: String? = nil) {
            self.range = range
            self.text = text ?? "\(range.lowerBound) to \(range.upperBound)"
        }

        func check(_ key: String, _ value: Value) throws(ConfigurationError) {
            guard range.contains(value) else {
                throw .invalid(key: key, found: "\(value)", allowed: "it must be \(text)")
            }
        }
    }

    /// Calls `body` with the reference's name, the property and the allowed values of each integer
    /// argument.
    mutating func forEachInteger(
        _ body: (String, inout Int, Allowed<Int>) throws(ConfigurationError) -> Void
    ) throws(ConfigurationError) {
        let anyInteger = Allowed(Int.min...Int.max)
        try body("audio_channels", &audioChannels, .init(1...256))
        try body("channels", &channels, .init(1...Limits.channels))
        try body("nfft", &nfft, .init(8...1_048_576))
        try body("depth", &depth, .init(1...Limits.depth))
        try body("kernel_size", &kernelSize, .init(1...1024))
        try body("stride", &stride, .init(1...1024))
        try body("time_stride", &timeStride, .init(1...1024))
        try body("context", &context, .init(0...64))
        try body("context_enc", &contextEnc, .init(0...64))
        try body("norm_starts", &normStarts, anyInteger)
        try body("norm_groups", &normGroups, .init(1...Limits.channels))
        try body("dconv_mode", &dconvMode, .init(0...3))
        try body("dconv_depth", &dconvDepth, .init(-Limits.dconvDepth...Limits.dconvDepth))
        try body("dconv_attn", &dconvAttn, anyInteger)
        try body("dconv_lstm", &dconvLSTM, anyInteger)
        try body("lstm_layers", &lstmLayers, .init(0...Limits.lstmLayers))
        try body("bottom_channels", &bottomChannels, .init(0...Limits.channels))
        try body("t_layers", &tLayers, .init(0...Limits.tLayers))
        try body("t_heads", &tHeads, .init(1...Limits.channels))
        try body("samplerate", &samplerate, .init(1...PlanarAudio.highestRateHz))
    }

    /// Calls `body` with each floating-point argument, like ``forEachInteger(_:)``.
    mutating func forEachNumber(
        _ body: (String, inout Double, Allowed<Double>) throws(ConfigurationError) -> Void
    ) throws(ConfigurationError) {
        let largest = Double.greatestFiniteMagnitude
        let finite = Allowed(-largest...largest, "a finite number")
        let positive = Allowed(Double.leastNonzeroMagnitude...largest, "a positive number")
        try body("growth", &growth, .init(1...16))
        try body("freq_emb", &freqEmb, finite)
        try body("emb_scale", &embScale, finite)
        try body("dconv_comp", &dconvComp, positive)
        try body("t_hidden_scale", &tHiddenScale, positive)
        try body("t_max_period", &tMaxPeriod, positive)
        try body("t_weight_pos_embed", &tWeightPosEmbed, finite)
    }

    /// Calls `body` with the reference's name and the property of each Boolean argument.
    mutating func forEachSwitch(
        _ body: (String, inout Bool) throws(ConfigurationError) -> Void
    ) throws(ConfigurationError) {
        try body("hybrid_old", &hybridOld)
        try body("normalize", &normalize)
        try body("resample", &resample)
        try body("t_cross_first", &tCrossFirst)
        try body("use_train_segment", &useTrainSegment)
    }

    /// Checks the range of every number.
    func checkRanges() throws(ConfigurationError) {
        var values = self
        try values.forEachInteger { key, value, allowed throws(ConfigurationError) in
            try allowed.check(key, value)
        }
        try values.forEachNumber { key, value, allowed throws(ConfigurationError) in
            try allowed.check(key, value)
        }
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
