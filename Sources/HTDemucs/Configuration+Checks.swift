// Limits of the hyperparameters. Upper limits are far above any published model: they keep a
// damaged file from requesting more memory than the machine has, and products of sizes from
// overflowing.

import Signal

extension Configuration {
    /// Limits that several checks or the inference of arguments use.
    enum Limits {
        static let sources = 1...256
        static let channels = 65_536
        static let depth = 16
        static let dconvDepth = 16
        static let tLayers = 256
        static let lstmLayers = 16
        /// Hidden size of DConv or of the transformer.
        static let hidden = 1_048_576
        /// UTF-8 bytes of a source's name: file systems allow 255 with the extension.
        static let sourceNameBytes = 200
        /// Values in the largest activation, 8 GiB of float32: over a hundred times as many as a
        /// published model needs for a segment.
        static let activation = 2_147_483_648.0
    }

    /// Refuses sizes whose activations would need too much memory.
    func checkMemory() throws {
        let outputs = Double(hyperparameters.audioChannels * hyperparameters.sources.count)
        var largest =
            hyperparameters.architecture == .demucs
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
        }
        largest = max(largest, Double(max(transformerHidden, transformerChannels)) * tokens)
        if hyperparameters.lstmLayers > 0 {
            largest = max(largest, 8 * Double(innerChannels) * tokens)
        }
        guard largest <= Limits.activation else {
            throw ConfigurationError.invalid(
                key: "segment", found: "\(hyperparameters.segment.seconds)",
                allowed: "with the other arguments a segment of \(segmentSamples) samples needs "
                    + "an activation of \(largest) values; at most \(Limits.activation) are "
                    + "allowed")
        }
    }
}

extension Configuration.Hyperparameters {
    private typealias Limits = Configuration.Limits

    /// A numeric argument with its allowed range.
    struct Parameter<Value: Comparable & Sendable>: Sendable {
        /// The reference's name.
        let key: String
        let path: WritableKeyPath<Configuration.Hyperparameters, Value> & Sendable
        let range: ClosedRange<Value>
        /// The range in words.
        let allowed: String

        init(
            _ key: String, _ path: WritableKeyPath<Configuration.Hyperparameters, Value> & Sendable,
            _ range: ClosedRange<Value>, _ allowed: String? = nil
        ) {
            self.key = key
            self.path = path
            self.range = range
            self.allowed = allowed ?? Configuration.Hyperparameters.text(range)
        }

        func check(_ hyperparameters: Configuration.Hyperparameters) throws {
            let value = hyperparameters[keyPath: path]
            guard range.contains(value) else {
                throw ConfigurationError.invalid(
                    key: key, found: "\(value)", allowed: "it must be \(allowed)")
            }
        }
    }

    /// All integer arguments.
    static let integers: [Parameter<Int>] = [
        .init("audio_channels", \.audioChannels, 1...256),
        .init("channels", \.channels, 1...Limits.channels),
        .init("nfft", \.nfft, 8...1_048_576),
        .init("depth", \.depth, 1...Limits.depth),
        .init("kernel_size", \.kernelSize, 1...1024),
        .init("stride", \.stride, 1...1024),
        .init("time_stride", \.timeStride, 1...1024),
        .init("context", \.context, 0...64),
        .init("context_enc", \.contextEnc, 0...64),
        .init("norm_starts", \.normStarts, Int.min...Int.max),
        .init("norm_groups", \.normGroups, 1...Limits.channels),
        .init("dconv_mode", \.dconvMode, 0...3),
        .init("dconv_depth", \.dconvDepth, -Limits.dconvDepth...Limits.dconvDepth),
        .init("dconv_attn", \.dconvAttn, Int.min...Int.max),
        .init("dconv_lstm", \.dconvLSTM, Int.min...Int.max),
        .init("lstm_layers", \.lstmLayers, 0...Limits.lstmLayers),
        .init("bottom_channels", \.bottomChannels, 0...Limits.channels),
        .init("t_layers", \.tLayers, 0...Limits.tLayers),
        .init("t_heads", \.tHeads, 1...Limits.channels),
        .init("samplerate", \.samplerate, 1...16_777_216),
    ]

    /// All floating-point arguments.
    static let numbers: [Parameter<Double>] = [
        .init("growth", \.growth, 1...16),
        .init("freq_emb", \.freqEmb, finite, "a finite number"),
        .init("emb_scale", \.embScale, finite, "a finite number"),
        .init("dconv_comp", \.dconvComp, positive, "a positive number"),
        .init("t_hidden_scale", \.tHiddenScale, positive, "a positive number"),
        .init("t_max_period", \.tMaxPeriod, positive, "a positive number"),
        .init("t_weight_pos_embed", \.tWeightPosEmbed, finite, "a finite number"),
    ]

    /// A Boolean argument: its name in the reference, and its property here.
    typealias Switch = (
        key: String, path: WritableKeyPath<Configuration.Hyperparameters, Bool> & Sendable
    )

    /// All Boolean arguments.
    static let switches: [Switch] = [
        ("hybrid_old", \.hybridOld), ("normalize", \.normalize), ("resample", \.resample),
        ("t_cross_first", \.tCrossFirst), ("use_train_segment", \.useTrainSegment),
    ]

    private static let finite = -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude
    private static let positive = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude

    /// Checks the range of every number.
    func checkRanges() throws {
        for parameter in Self.integers { try parameter.check(self) }
        for parameter in Self.numbers { try parameter.check(self) }
        guard STFT.supports(nfft: nfft) else {
            throw ConfigurationError.invalid(
                key: "nfft", found: "\(nfft)", allowed: "it must be a power of two, at least 8")
        }
    }

    /// Checks the sources' names, which become file names.
    func checkSources() throws {
        guard Limits.sources.contains(sources.count) else {
            throw ConfigurationError.invalid(
                key: "sources", found: "\(sources.count) sources",
                allowed: "there must be \(Self.text(Limits.sources))")
        }
        var seen = Set<String>()
        for name in sources {
            if let problem = Self.problem(ofName: name) {
                throw ConfigurationError.invalid(
                    key: "sources", found: Self.quoted(name),
                    allowed: "a source's name becomes a file's, and this one \(problem)")
            }
            // Some file systems do not distinguish upper and lower case.
            guard seen.insert(name.lowercased()).inserted else {
                throw ConfigurationError.invalid(
                    key: "sources", found: Self.quoted(name),
                    allowed: "two sources may not share a name")
            }
        }
    }

    /// The number of samples of a training segment, checked.
    func checkedSegmentSamples() throws -> Int {
        guard let samples = segment.samples(atHz: samplerate) else {
            throw ConfigurationError.invalid(
                key: "segment", found: "\(segment.seconds)",
                allowed: "it must be a positive number of seconds, at least one sample long")
        }
        return samples
    }

    /// Checks the transformer's sizes and gives its feed-forward hidden size, `int(dim * scale)`.
    func checkTransformer(inner: Int, size: Int) throws -> Int {
        guard bottomChannels > 0 || tLayers > 0 else { return 0 }
        // The reference also computes this size without truncating at each layer; both must agree.
        var expected = Double(channels)
        for _ in 1..<depth { expected *= growth }
        guard expected == Double(inner) else {
            throw ConfigurationError.invalid(
                key: "growth", found: "\(growth)",
                allowed: "the last layer has \(inner) channels, but the transformer expects "
                    + "channels·growth^(depth − 1) = \(expected)")
        }
        guard tLayers > 0 else { return 0 }

        let sizeKey = bottomChannels > 0 ? "bottom_channels" : "channels"
        guard size % 4 == 0 else {
            throw ConfigurationError.invalid(
                key: sizeKey, found: "\(bottomChannels > 0 ? bottomChannels : channels)",
                allowed: "the transformer's size, here \(size), must be a multiple of 4 for its "
                    + "positional embedding")
        }
        guard size % tHeads == 0 else {
            throw ConfigurationError.invalid(
                key: "t_heads", found: "\(tHeads)",
                allowed: "it must divide the transformer's size, here \(size)")
        }
        let hidden = Double(size) * tHiddenScale
        guard hidden >= 1, hidden <= Double(Limits.hidden) else {
            throw ConfigurationError.invalid(
                key: "t_hidden_scale", found: "\(tHiddenScale)",
                allowed: "a transformer of size \(size) gets \(hidden) hidden values, and 1 to "
                    + "\(Limits.hidden) are possible")
        }
        return Int(hidden)
    }

    // MARK: - Pieces

    private static func problem(ofName name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name == "." || name == ".." { return "is the name of a folder" }
        if name.utf8.count > Limits.sourceNameBytes {
            return "is longer than \(Limits.sourceNameBytes) bytes"
        }
        if name.unicodeScalars.contains(where: { "/\\".unicodeScalars.contains($0) }) {
            return "contains a path separator"
        }
        if name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            return "contains a control character"
        }
        return nil
    }

    private static func text<Value>(_ range: ClosedRange<Value>) -> String {
        "\(range.lowerBound) to \(range.upperBound)"
    }

    private static func quoted(_ name: String) -> String {
        // `debugDescription` escapes control characters such as newlines.
        String(name.prefix(80)).debugDescription + (name.count > 80 ? "…" : "")
    }
}
