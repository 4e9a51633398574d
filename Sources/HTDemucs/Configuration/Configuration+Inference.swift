// Also Embedded Swift: typed throws, no key paths, no casts.
// Inference of a model's configuration from its tensors' shapes, for files that don't store one
// (demucs.cpp, ONNX, safetensors of third parties). Arguments that shapes do not show take the
// value of the published models. The model then asks for every tensor by name and shape, so that a
// wrong guess about a size is an error and never a wrong result.

import Networks
import WeightsLoader

extension Configuration {
    /// The constructor arguments of the model in a checkpoint: stored ones, or else inferred ones.
    ///
    /// - Parameter overriding: arguments, under the reference's names, that replace the file's;
    ///   also for arguments that a file cannot show (`sources`, `t_heads`, `samplerate`,
    ///   `segment`).
    /// - Throws: ``WeightsError`` for arguments that can't be read, and for a file of several
    ///   models or of none; see also ``inferredArguments(of:overriding:)``.
    package static func arguments(
        of checkpoint: Checkpoint, overriding: [String: ArgumentValue] = [:]
    ) throws(WeightsError) -> ModelArguments {
        guard checkpoint.submodels.isEmpty else {
            throw .severalModels(path: checkpoint.path, submodels: checkpoint.submodels)
        }
        guard checkpoint.describesModel else {
            return try inferredArguments(of: checkpoint, overriding: overriding)
        }
        let stored = try checkpoint.modelArguments(ofClasses: Architecture.classNames)
        // The class is one of those names.
        let order = Architecture(className: stored.className)?.argumentOrder ?? []
        var positional = stored.positional
        var keyword = stored.keyword
        for (name, value) in overriding {
            if let index = order.firstIndex(of: name), index < positional.count {
                positional[index] = value
            } else {
                keyword[name] = value
            }
        }
        return ModelArguments(
            className: stored.className, positional: positional, keyword: keyword)
    }

    /// The arguments inferred from the tensors' shapes and from other properties of the file.
    ///
    /// - Throws: ``WeightsError/metadataMissing(path:keys:)`` if the tensors aren't a model's,
    ///   ``WeightsError/unsupported(path:format:problem:)`` if its sources have no known names.
    package static func inferredArguments(
        of checkpoint: Checkpoint, overriding: [String: ArgumentValue] = [:]
    ) throws(WeightsError) -> ModelArguments {
        var inference = try Inference(checkpoint)
        for (name, value) in overriding { inference.arguments[name] = value }
        let assumed = inference.assumed
        try inference.nameSources()
        inference.measureSegment()
        var arguments = ModelArguments(
            className: inference.architecture.className, positional: [],
            keyword: inference.arguments)
        arguments.assumed = assumed
        return arguments
    }
}

extension Architecture {
    /// The class of a checkpoint's model: that of the sections beside it, the stored one, or the one
    /// that has such tensors; nil for models of other families.
    package init?(of checkpoint: Checkpoint, _ sections: [String: ArgumentValue]?) {
        if let sections {
            guard case .string(let name) = sections["model"] else { return nil }
            self.init(rawValue: name)
        } else if let className = checkpoint.className {
            self.init(className: className)
        } else {
            self.init(ofTensorsIn: checkpoint)
        }
    }

    /// HDemucs if the encoder has layers after the merge, else HTDemucs.
    fileprivate init?(ofTensorsIn checkpoint: Checkpoint) {
        let sizes = Sizes(checkpoint: checkpoint)
        let layers = ["encoder", "tencoder"].map { branch in
            sizes.count(branch, upTo: Configuration.Limits.depth) { "\($0).conv.weight" }
        }
        guard layers[1] > 0 else { return nil }
        self = layers[1] < layers[0] ? .hdemucs : .htdemucs
    }
}

/// Infers a model's sizes from its tensors.
private struct Inference {
    var arguments: [String: ArgumentValue]
    let architecture: Architecture
    private let checkpoint: Checkpoint
    private let depth: Int
    private let audioChannels: Int

    /// - Throws: ``WeightsError/metadataMissing(path:keys:)``.
    init(_ checkpoint: Checkpoint) throws(WeightsError) {
        self.checkpoint = checkpoint
        let sizes = Sizes(checkpoint: checkpoint)
        guard let architecture = Architecture(ofTensorsIn: checkpoint),
            let first = sizes["encoder.0.conv.weight", 4],
            let firstTime = sizes["tencoder.0.conv.weight", 3]
        else {
            throw .metadataMissing(
                path: checkpoint.path, keys: ["klass", "args", "kwargs"])
        }
        depth = sizes.count("encoder", upTo: Configuration.Limits.depth) {
            "\($0).conv.weight"
        }
        self.architecture = architecture
        audioChannels = first[1] / 2
        arguments = checkpoint.traits.arguments
        let kernel = firstTime[2]
        set("audio_channels", audioChannels)
        set("channels", first[0])
        set("depth", depth)
        set("kernel_size", kernel)
        // The only stride with which a decoder layer restores the length of its encoder layer's
        // input.
        set("stride", kernel - 2 * (kernel / 4))
        if let second = sizes["encoder.1.conv.weight", 4] {
            setRatio("growth", second[0], over: first[0])
        }
        readFrequencies(sizes, stride: kernel - 2 * (kernel / 4))
        set("context", ((sizes["decoder.0.rewrite.weight", 4]?[2] ?? 3) - 1) / 2)
        set("context_enc", ((sizes["encoder.0.rewrite.weight", 4]?[2] ?? 1) - 1) / 2)
        let normed = (0..<depth).first { sizes.has("encoder.\($0).norm1.weight") }
        let standard = Configuration.Hyperparameters(sources: [])
        set("norm_starts", normed ?? max(depth, standard.normStarts))
        readDConv(sizes)
        switch architecture {
        case .htdemucs: readTransformer(sizes)
        case .hdemucs, .demucs: readDeepDConv(sizes)
        }
    }

    // MARK: - Parts of the model

    private mutating func readFrequencies(_ sizes: Sizes, stride: Int) {
        let embedded = sizes["freq_emb.embedding.weight", 2].map { $0[0] }
        if embedded == nil { set("freq_emb", 0) }
        // The embedding has a row for each frequency of the first layer's output.
        if let frequencies = checkpoint.traits.frequencies ?? embedded.map({ product($0, stride) })
        {
            set("nfft", product(frequencies, 2))
        }
    }

    private mutating func readDConv(_ sizes: Sizes) {
        let isInEncoder = sizes.has("encoder.0.dconv.layers.0.0.weight")
        let isInDecoder = sizes.has("decoder.0.dconv.layers.0.0.weight")
        set("dconv_mode", (isInEncoder ? 1 : 0) + (isInDecoder ? 2 : 0))
        guard isInEncoder || isInDecoder else { return }
        let branch = isInEncoder ? "encoder" : "decoder"
        let layers = sizes.count(
            "\(branch).0.dconv.layers", upTo: Configuration.Limits.dconvDepth
        ) { "\($0).0.weight" }
        set("dconv_depth", checkpoint.traits.hasDilatedDConv == false ? -layers : layers)

        // Hidden channels are channels / compression, truncated, so each layer gives a range for
        // the compression.
        var lower = 0.0
        var upper = Double.infinity
        for layer in 0..<depth {
            guard let hidden = sizes["\(branch).\(layer).dconv.layers.0.0.bias", 1]?[0],
                let channels = sizes["\(branch).\(layer).dconv.layers.0.3.bias", 1].map({
                    $0[0] / 2
                }),
                hidden > 0
            else { continue }
            lower = max(lower, Double(channels) / (Double(hidden) + 1))
            upper = min(upper, Double(channels) / Double(hidden))
        }
        guard upper < Double(Configuration.Limits.hidden) else { return }
        // A whole number if the range contains one.
        let whole = upper.rounded(.down)
        set("dconv_comp", number(whole > lower ? whole : upper))
    }

    /// Reads the first layers with an LSTM and with attention, and the stride after the merge.
    private mutating func readDeepDConv(_ sizes: Sizes) {
        let branch = sizes.has("encoder.0.dconv.layers.0.0.weight") ? "encoder" : "decoder"
        func first(_ parts: [String]) -> Int {
            (0..<depth).first { layer in
                // The decoder's layers are counted from the innermost.
                let place = branch == "encoder" ? layer : depth - 1 - layer
                return parts.contains {
                    sizes.has("\(branch).\(place).dconv.layers.0.\($0)")
                }
            } ?? depth
        }
        set("dconv_lstm", first(["3.lstm.weight_ih_l0"]))
        set("dconv_attn", first(["3.query_decay.weight", "4.query_decay.weight"]))
        if let kernel = sizes["encoder.\(depth - 1).conv.weight", 3]?[2] {
            set("time_stride", kernel / 2)
        }
    }

    private mutating func readTransformer(_ sizes: Sizes) {
        set("bottom_channels", sizes["channel_upsampler.weight", 3]?[0] ?? 0)
        set(
            "t_layers",
            sizes.count("crosstransformer.layers", upTo: Configuration.Limits.tLayers) {
                "\($0).norm1.weight"
            })
        guard let hidden = sizes["crosstransformer.layers.0.linear1.weight", 2] else { return }
        setRatio("t_hidden_scale", hidden[0], over: hidden[1])
        set(
            "t_cross_first", .bool(sizes.has("crosstransformer.layers.0.cross_attn.in_proj_weight"))
        )
    }

    // MARK: - Arguments that depend on given ones

    /// The arguments that shapes don't show, unless the caller or the file gives them.
    var assumed: [String] {
        var names = ["sources", "segment", "samplerate", "norm_groups", "freq_emb", "emb_scale"]
        if arguments["t_hidden_scale"] != nil { names += ["t_heads", "t_max_period"] }
        return names.filter {
            arguments[$0] == nil && ($0 != "segment" || checkpoint.traits.segmentSamples == nil)
                && ($0 != "emb_scale" || arguments["freq_emb"] != .integer(0))
        }
    }

    /// Sets the standard names of the sources, unless the caller or the file gives names.
    mutating func nameSources() throws(WeightsError) {
        guard arguments["sources"] == nil else { return }
        let sizes = Sizes(checkpoint: checkpoint)
        let outputs = sizes["decoder.\(depth - 1).conv_tr.weight", 4]?[1] ?? 0
        let count = outputs / max(2 * audioChannels, 1)
        let standard = ["drums", "bass", "other", "vocals", "guitar", "piano"]
        guard count == 4 || count == 6 else {
            throw .unsupported(
                path: checkpoint.path, format: checkpoint.format,
                problem: "it separates \(count) sources without naming them, and only those of "
                    + "models with 4 or 6 are known; name its sources in their order")
        }
        arguments["sources"] = .array(standard.prefix(count).map { .string($0) })
    }

    /// Sets the segment: the length that the file was exported for, at its sample rate, or else the
    /// length of the published models, 7.8 s or 44 s.
    mutating func measureSegment() {
        guard arguments["segment"] == nil else { return }
        guard let samples = checkpoint.traits.segmentSamples else {
            let published = Configuration.Hyperparameters.publishedSize(of: architecture)
            arguments["segment"] = published.segment.argument
            return
        }
        var rate = Configuration.Hyperparameters(sources: []).samplerate
        if case .integer(let given) = arguments["samplerate"], given > 0 { rate = given }
        var (divisor, rest) = (samples, rate)
        while rest != 0 { (divisor, rest) = (rest, divisor % rest) }
        arguments["segment"] = .fraction(
            numerator: samples / divisor, denominator: rate / divisor)
    }

    // MARK: - Setting

    /// Sets an inferred argument; one stored in the file has precedence.
    private mutating func set(_ key: String, _ value: ArgumentValue) {
        if arguments[key] == nil { arguments[key] = value }
    }

    private mutating func set(_ key: String, _ value: Int) {
        set(key, .integer(value))
    }

    /// Sets the factor by which `base` gives `value` when the product is truncated.
    private mutating func setRatio(_ key: String, _ value: Int, over base: Int) {
        guard base > 0 else { return }
        var ratio = Double(value) / Double(base)
        if (Double(base) * ratio).rounded(.down) < Double(value) { ratio = ratio.nextUp }
        set(key, number(ratio))
    }

    private func number(_ value: Double) -> ArgumentValue {
        Int(exactly: value).map { .integer($0) } ?? .number(value)
    }

    /// Product that saturates instead of overflowing; the limits refuse such a size later.
    private func product(_ first: Int, _ second: Int) -> Int {
        let (product, overflow) = first.multipliedReportingOverflow(by: second)
        return overflow ? Int.max : product
    }
}

/// A checkpoint's shapes, including the sizes of 1 that some formats leave out.
private struct Sizes {
    let checkpoint: Checkpoint

    func has(_ name: String) -> Bool { checkpoint.tensor(named: name) != nil }

    /// The shape of a tensor if it has that rank. Missing sizes of 1 are appended, because it is
    /// the last axes of convolutions that have size 1.
    subscript(name: String, rank: Int) -> [Int]? {
        guard let shape = checkpoint.tensor(named: name)?.shape else { return nil }
        if checkpoint.omitsUnitSizes, shape.count < rank {
            return shape + [Int](repeating: 1, count: rank - shape.count)
        }
        return shape.count == rank ? shape : nil
    }

    /// The number of successive tensors `scope.0.…`, `scope.1.…`, at most `limit`.
    func count(_ scope: String, upTo limit: Int, _ name: (Int) -> String) -> Int {
        (0..<limit).first { !has("\(scope).\(name($0))") } ?? limit
    }
}
