// The ranges of the hyperparameters. Upper limits lie far above any published model: they stop a
// damaged file from asking for more memory than the machine has, and keep every product small.

extension Configuration {
    /// The accepted range of each number.
    enum Limits {
        static let sources = 1...256
        static let audioChannels = 1...256
        static let channels = 1...65_536
        static let nfft = 8...1_048_576
        static let depth = 1...16
        static let growth = 1.0...16.0
        static let kernelSize = 1...1024
        static let stride = 1...1024
        static let context = 0...64
        static let normGroups = 1...65_536
        static let dconvMode = 0...3
        static let dconvDepth = -16...16
        static let bottomChannels = 0...65_536
        static let tLayers = 0...256
        static let tHeads = 1...65_536
        static let samplerate = 1...16_777_216
        /// Hidden sizes of DConv and of the transformer.
        static let hidden = 1_048_576
        /// UTF-8 bytes of a source's name: file systems take 255 with the ending.
        static let sourceNameBytes = 200
        /// Values in the largest activation, 8 GiB of float32: over a hundred times what a
        /// published model needs for a segment.
        static let activation = 2_147_483_648.0
    }

    /// Refuses sizes whose activations would fill the machine.
    func checkMemory() throws {
        let frames = Double(segmentFrames)
        var largest =
            2 * Double(hyperparameters.audioChannels * hyperparameters.sources.count)
            * Double(frequencies) * frames
        var length = segmentSamples
        for layer in layers {
            // The rewrite convolutions give twice the channels.
            let channels = 2 * Double(layer.channelsOut)
            length = layer.time.lengthOut(length)
            largest = max(
                largest, channels * Double(layer.frequency.frequenciesOut) * frames,
                channels * Double(length))
        }
        let tokens = max(
            Double(layers[layers.count - 1].frequency.frequenciesOut) * frames, Double(length))
        largest = max(largest, Double(max(transformerHidden, transformerChannels)) * tokens)
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

    /// Checks every number by itself.
    func checkRanges() throws {
        try check("audio_channels", audioChannels, Limits.audioChannels)
        try check("channels", channels, Limits.channels)
        try check("growth", growth, Limits.growth)
        try check("nfft", nfft, Limits.nfft)
        // The hop nfft / 4 must be even for the spectrogram's padding of 1.5 hops.
        guard nfft % 8 == 0 else {
            throw ConfigurationError.invalid(
                key: "nfft", found: "\(nfft)", allowed: "it must be a multiple of 8")
        }
        try check("depth", depth, Limits.depth)
        try check("kernel_size", kernelSize, Limits.kernelSize)
        try check("stride", stride, Limits.stride)
        try check("time_stride", timeStride, Limits.stride)
        try check("context", context, Limits.context)
        try check("context_enc", contextEnc, Limits.context)
        try check("norm_groups", normGroups, Limits.normGroups)
        try check("dconv_mode", dconvMode, Limits.dconvMode)
        try check("dconv_depth", dconvDepth, Limits.dconvDepth)
        try checkPositive("dconv_comp", dconvComp)
        try checkFinite("freq_emb", freqEmb)
        try checkFinite("emb_scale", embScale)
        try check("bottom_channels", bottomChannels, Limits.bottomChannels)
        try check("t_layers", tLayers, Limits.tLayers)
        try checkPositive("t_hidden_scale", tHiddenScale)
        try check("t_heads", tHeads, Limits.tHeads)
        try checkPositive("t_max_period", tMaxPeriod)
        try checkFinite("t_weight_pos_embed", tWeightPosEmbed)
        try check("samplerate", samplerate, Limits.samplerate)
    }

    /// Checks the sources' names, which become names of files.
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
            // Some file systems take upper and lower case for the same file.
            guard seen.insert(name.lowercased()).inserted else {
                throw ConfigurationError.invalid(
                    key: "sources", found: Self.quoted(name),
                    allowed: "two sources may not share a name")
            }
        }
    }

    /// The samples of a training segment.
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
        // The reference computes this size once more, without truncating at each layer.
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

    private func check<Value: Comparable>(
        _ key: String, _ value: Value, _ range: ClosedRange<Value>
    ) throws {
        guard range.contains(value) else {
            throw ConfigurationError.invalid(
                key: key, found: "\(value)", allowed: "it must be \(Self.text(range))")
        }
    }

    private func checkPositive(_ key: String, _ value: Double) throws {
        guard value > 0, value.isFinite else {
            throw ConfigurationError.invalid(
                key: key, found: "\(value)", allowed: "it must be a positive number")
        }
    }

    private func checkFinite(_ key: String, _ value: Double) throws {
        guard value.isFinite else {
            throw ConfigurationError.invalid(
                key: key, found: "\(value)", allowed: "it must be a finite number")
        }
    }

    private static func problem(ofName name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name == "." || name == ".." { return "means a folder" }
        if name.utf8.count > Limits.sourceNameBytes {
            return "is longer than \(Limits.sourceNameBytes) bytes"
        }
        if name.unicodeScalars.contains(where: { "/\\".unicodeScalars.contains($0) }) {
            return "contains a separator of folders"
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
        // `debugDescription` escapes what would break the line.
        String(name.prefix(80)).debugDescription + (name.count > 80 ? "…" : "")
    }
}
