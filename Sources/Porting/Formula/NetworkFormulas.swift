// The formula of each value of HTDemucs, by the reference's names.

import HTDemucs
import System

/// The formulas of a network's values.
struct NetworkFormulas {
    private let configuration: Configuration
    /// The shapes of the values of a whole trace.
    private let shapes: [String: [Int]]
    private let compared: Set<String>
    private let layers: Int

    /// - Parameters:
    ///   - shapes: the shapes of the values of a whole trace, without batch.
    ///   - compared: the values from which formulas begin. In place of another value its own
    ///     formula counts.
    init(_ configuration: Configuration, shapes: [String: [Int]], compared: Set<String>) {
        self.configuration = configuration
        self.shapes = shapes
        self.compared = compared
        layers = configuration.layers.count
    }

    /// A value, or the steps that give it.
    private func value(_ name: String) -> Formula {
        (compared.contains(name) ? nil : formula(of: name)) ?? Formula(start: name, steps: [])
    }

    /// How a value is computed.
    ///
    /// - Returns: nil for inputs, and for the layers that only version 3 has.
    func formula(of name: String) -> Formula? {
        let path = name.split(separator: ".").map(String.init)
        switch path.first {
        case "x": return Formula(start: "mag", steps: [.standardise()])
        case "xt": return Formula(start: "mix", steps: [.standardise()])
        case "output": return value("decoder.\(layers - 1)") + [.restore("mag")]
        case "add_67": return value("tdecoder.\(layers - 1)") + [.restore("mix")]
        case "encoder", "tencoder": return convolutional(path, encoder)
        case "decoder", "tdecoder": return convolutional(path, decoder)
        case "channel_upsampler", "channel_upsampler_t":
            let branch = name.hasSuffix("_t") ? "tencoder" : "encoder"
            return value("\(branch).\(layers - 1)")
                + [.reshape(rows: 1), .convolution(.init(name))]
        case "channel_downsampler": return tokens("layers").map { $0 + [.convolution(.init(name))] }
        case "channel_downsampler_t":
            return tokens("layers_t").map { $0 + [.convolution(.init(name))] }
        case "crosstransformer": return transformer(name, path.dropFirst())
        default: return nil
        }
    }

    // MARK: - Encoders and decoders

    private typealias Layer = (
        _ module: String, _ shape: Configuration.LayerShape, _ isTime: Bool, _ part: String
    ) -> Formula?

    private func convolutional(_ path: [String], _ layer: Layer) -> Formula? {
        guard path.count > 1, let index = Int(path[1]), index < layers else { return nil }
        let isEncoder = path[0].hasSuffix("encoder")
        let shape = configuration.layers[isEncoder ? index : layers - 1 - index]
        guard !shape.merges, !shape.isTimeOnly, !shape.hasLSTM, !shape.hasAttention else {
            return nil
        }
        return layer(
            "\(path[0]).\(index)", shape, path[0].hasPrefix("t"),
            path.dropFirst(2).joined(separator: "."))
    }

    private func encoder(
        _ module: String, _ shape: Configuration.LayerShape, _ isTime: Bool, _ part: String
    ) -> Formula? {
        let branch = shape.branch(isFrequency: !isTime)
        let norm = self.norm("\(module).norm1", shape)
        func activated() -> Formula { value("\(module).conv") + norm + [.activation(.gelu)] }
        switch part {
        case "conv":
            var start = "\(isTime ? "tencoder" : "encoder").\(shape.index - 1)"
            if shape.index == 0 { start = isTime ? "xt" : "x" }
            if !isTime, shape.index == 1, shapes["encoder.0.embedded"] != nil {
                start = "encoder.0.embedded"
            }
            let convolution = Formula.Convolution(
                "\(module).conv", isVertical: !isTime, stride: branch.stride, padding: branch.pad)
            // The waveform gets a multiple of the stride.
            let count = isTime ? shapes[start]?.last ?? 0 : 0
            let missing = (branch.stride - count % branch.stride) % branch.stride
            return value(start) + (missing > 0 ? [.padding(count: missing)] : [])
                + [.convolution(convolution)]
        case "rewrite":
            let input = dconvOutput(module, isTime) ?? activated()
            return input
                + [
                    .convolution(
                        .init("\(module).rewrite", padding: configuration.arguments.contextEnc))
                ]
        case "":
            return value("\(module).rewrite") + self.norm("\(module).norm2", shape) + [.gate()]
        case "embedded":
            let arguments = configuration.arguments
            return value(module)
                + [
                    .embedding(
                        weight: "freq_emb.embedding.weight",
                        factor: arguments.freqEmb * arguments.embScale)
                ]
        default: return dconv(module, part, of: activated(), isTime)
        }
    }

    private func decoder(
        _ module: String, _ shape: Configuration.LayerShape, _ isTime: Bool, _ part: String
    ) -> Formula? {
        let branch = shape.branch(isFrequency: !isTime)
        let name = isTime ? "tdecoder" : "decoder"
        let index = layers - 1 - shape.index
        func gated() -> Formula {
            value("\(module).rewrite") + norm("\(module).norm1", shape) + [.gate()]
        }
        switch part {
        case "rewrite":
            let plain = (isTime ? "tencoder" : "encoder") + ".\(shape.index)"
            let skip = shapes["\(plain).embedded"] != nil ? "\(plain).embedded" : plain
            guard var input = index == 0 ? bottom(isTime) : value("\(name).\(index - 1)")
            else { return nil }
            if index == 0, !isTime { input = input + [.reshape(rows: branch.lengthOut)] }
            return input
                + [
                    .add(skip),
                    .convolution(
                        .init("\(module).rewrite", padding: configuration.arguments.context)),
                ]
        case "conv_tr":
            let convolution = Formula.Convolution(
                "\(module).conv_tr", isVertical: !isTime, stride: branch.stride)
            return (dconvOutput(module, isTime) ?? gated()) + [.transposedConvolution(convolution)]
        case "":
            guard let length = shapes[module]?.last else { return nil }
            let count = isTime ? length : branch.lengthIn
            return value("\(module).conv_tr") + norm("\(module).norm2", shape)
                + [.crop(isVertical: !isTime, start: branch.pad, count: count)]
                + (shape.index > 0 ? [.activation(.gelu)] : [])
        default: return dconv(module, part, of: gated(), isTime)
        }
    }

    private func norm(_ name: String, _ shape: Configuration.LayerShape) -> [Formula.Step] {
        shape.isNormed
            ? [.norm(.init(name: name, over: .groups(configuration.arguments.normGroups)))] : []
    }

    /// The output of a layer's DConv, with rows in place; nil for a layer without one.
    private func dconvOutput(_ module: String, _ isTime: Bool) -> Formula? {
        let name = "\(module).dconv"
        return shapes[name].map { _ in value(name) + (isTime ? [] : [.rows]) }
    }

    /// A DConv, or the residual of one of its layers.
    private func dconv(
        _ module: String, _ part: String, of input: Formula, _ isTime: Bool
    ) -> Formula? {
        let list = "\(module).dconv.layers"
        let dilations = configuration.dconvDilations
        let index = part == "dconv" ? dilations.count : Int(part.dropFirst("dconv.layers.".count))
        guard let index, part.hasPrefix("dconv"), index <= dilations.count else { return nil }
        // A residual that isn't compared is added as its steps.
        let sum = (0..<index).reduce(input + (isTime ? [] : [.rows])) { sum, index in
            compared.contains("\(list).\(index)")
                ? sum + [.add("\(list).\(index)")]
                : sum + [.keep] + residual("\(list).\(index)", dilations[index]) + [.addKept]
        }
        return part == "dconv" ? sum : sum + residual("\(list).\(index)", dilations[index])
    }

    private func residual(_ module: String, _ dilation: Int) -> [Formula.Step] {
        var dilated = Formula.Convolution("\(module).0", padding: dilation)
        dilated.dilation = dilation
        return [
            .convolution(dilated), .norm(.init(name: "\(module).1", over: .groups(1))),
            .activation(.gelu), .convolution(.init("\(module).3")),
            .norm(.init(name: "\(module).4", over: .groups(1))), .gate(),
            .scale(weight: "\(module).6.scale"),
        ]
    }

    // MARK: - Transformer

    private var hasSamplers: Bool { shapes["channel_upsampler"] != nil }
    private var frequencies: Int { shapes["encoder.\(layers - 1)"].map { $0[1] } ?? 1 }

    /// The input of the innermost decoder layer.
    private func bottom(_ isTime: Bool) -> Formula? {
        hasSamplers
            ? value(isTime ? "channel_downsampler_t" : "channel_downsampler")
            : tokens(isTime ? "layers_t" : "layers")
    }

    /// The tokens of a branch after the transformer, in the order of positions.
    private func tokens(_ list: String) -> Formula? {
        let name = "crosstransformer.\(list).\(configuration.arguments.tLayers - 1)"
        guard let shape = shapes[name] else { return nil }
        return value(name) + (list == "layers" ? [.transpose(rows: shape[0] / frequencies)] : [])
    }

    /// The tokens that a layer reads.
    private func tokens(_ list: String, before layer: Int) -> Formula {
        let module = "crosstransformer"
        if layer > 0 { return value("\(module).\(list).\(layer - 1)") }
        return list == "layers_t"
            ? value("\(module).norm_in_t") + [.add("\(module).pos_emb")]
            : value("\(module).norm_in") + [.add("\(module).pos_emb_2d")]
    }

    private func transformer(_ name: String, _ rest: ArraySlice<String>) -> Formula? {
        let arguments = configuration.arguments
        switch rest.first {
        case "pos_emb", "pos_emb_2d":
            guard let shape = shapes[name], shape[1] == configuration.transformerChannels,
                arguments.tWeightPosEmbed == 1
            else { return nil }
            return Formula(
                steps: [
                    .positions(
                        .init(
                            frequencies: name.hasSuffix("2d") ? frequencies : nil, length: shape[0],
                            channels: shape[1], maxPeriod: arguments.tMaxPeriod))
                ])
        case "norm_in":
            let start = hasSamplers ? "channel_upsampler" : "encoder.\(layers - 1)"
            return value(start)
                + [.reshape(rows: 1), .transpose(rows: frequencies), layerNorm(name)]
        case "norm_in_t":
            return value(hasSamplers ? "channel_upsampler_t" : "tencoder.\(layers - 1)")
                + [layerNorm(name)]
        case "layers", "layers_t": break
        default: return nil
        }
        let path = Array(rest)
        guard path.count > 1, let layer = Int(path[1]) else { return nil }
        let module = "crosstransformer.\(path[0]).\(layer)"
        let isCross = configuration.isCrossLayer(layer)
        let attention = "\(module).\(isCross ? "cross_attn" : "self_attn")"
        let input = tokens(path[0], before: layer)
        let attend: [Formula.Step] = [
            layerNorm("\(module).norm1"),
            .attention(
                .init(
                    name: attention, heads: arguments.tHeads,
                    keys: isCross
                        ? [
                            tokens(path[0] == "layers" ? "layers_t" : "layers", before: layer)
                                + [layerNorm("\(module).norm2")]
                        ] : [])),
        ]
        if name == attention { return input + attend }
        guard path.count == 2 else { return nil }
        let scaled = Formula.Step.scale(weight: "\(module).gamma_1.scale")
        var attended = input + [.keep] + attend + [scaled, .addKept]
        // The input is one value or a sum of two.
        if compared.contains(attention), let start = input.start, compared.contains(start) {
            attended = value(attention) + [scaled, .add(start)] + input.steps
        }
        return attended
            + [
                .keep, layerNorm("\(module).\(isCross ? "norm3" : "norm2")"),
                .convolution(.init("\(module).linear1")), .activation(.gelu),
                .convolution(.init("\(module).linear2")),
                .scale(weight: "\(module).gamma_2.scale"), .addKept,
                .norm(.init(name: "\(module).norm_out", over: .groups(1))),
            ]
    }

    private func layerNorm(_ name: String) -> Formula.Step {
        .norm(.init(name: name, over: .channels))
    }
}

extension Formula {
    static func + (formula: Formula, steps: [Step]) -> Formula {
        Formula(start: formula.start, steps: formula.steps + steps)
    }

    /// The values that feed this one.
    var reads: [String] {
        (start.map { [$0] } ?? [])
            + steps.flatMap { step -> [String] in
                switch step {
                case .add(let name), .restore(let name): [name]
                case .attention(let attention): attention.keys.flatMap(\.reads)
                default: []
                }
            }
    }
}
