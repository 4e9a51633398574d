// Recovers the official state dict from an exported graph. `torch.onnx` keeps the names of most
// parameters. Parameters that it folds into constants are found through the node that uses them,
// whose path is the module's:
//
//     a linear layer's weight          MatMul, transposed
//     in_proj of attention             MatMul and Add, in one piece, two (q; k and v) or three
//     GroupNorm's gain and bias        Mul and Add after InstanceNormalization, sizes of 1 added
//     a DConv's LayerScale             Mul, a size of 1 added
//     freq_emb                         Expand at the top: × emb_scale, transposed, [1, C, F, 1]
//
// Equal tensors are stored once and shared through Identity; weights stored in half precision are
// widened by Cast.

import System

struct ONNXStateDict {
    private var tensors: [StoredTensor] = []
    private var traits = ModelTraits()

    /// Initialisers and constants by the names that nodes use, Identity and Cast resolved.
    private let values: [String: ONNXGraph.Initializer]
    /// The prefix of the official names: `model.` or empty.
    private let prefix: String
    private var source: ONNXTensors
    private var names = Set<String>()

    init(_ graph: ONNXGraph, _ source: ONNXTensors) throws(FormatFailure) {
        self.source = source
        let named = Self.named(graph)
        values = named.values
        let anchors = named.names.filter {
            $0 == OfficialNames.anchor || $0.hasSuffix("." + OfficialNames.anchor)
        }
        guard let anchor = anchors.min(by: { $0.utf8.count < $1.utf8.count }) else {
            throw FormatFailure(
                unsupported: "no initialiser's name ends in \(OfficialNames.anchor): it is another "
                    + "model, or was exported without the parameters' names; give an HTDemucs "
                    + "that torch.onnx.export wrote with dynamo=False")
        }
        prefix = String(anchor.dropLast(OfficialNames.anchor.count))

        for name in named.names where name.hasPrefix(prefix) {
            let official = String(name.dropFirst(prefix.count))
            if OfficialNames.isParameter(official),
                OfficialNames.leaves.contains(official.split(separator: ".").last ?? ""),
                let value = values[name]
            {
                try add(value, official)
            }
        }
        try restore(graph.nodes)
        readInputs(graph.inputs)
    }

    var contents: CheckpointContents {
        CheckpointContents(tensors: tensors, traits: traits)
    }

    /// All values by name, and the names in the file's order.
    private static func named(
        _ graph: ONNXGraph
    ) -> (values: [String: ONNXGraph.Initializer], names: [String]) {
        var values: [String: ONNXGraph.Initializer] = [:]
        var names: [String] = []
        func add(_ name: String, _ value: ONNXGraph.Initializer) {
            if values.updateValue(value, forKey: name) == nil { names.append(name) }
        }
        for initializer in graph.initializers { add(initializer.name, initializer) }
        for node in graph.nodes {
            guard let output = node.outputs.first else { continue }
            if node.operation == "Constant", let value = node.value { add(output, value) }
            if let value = node.inputs.first.flatMap({ values[$0] }),
                node.operation == "Identity" || node.operation == "Cast" && value.isFloat
            {
                add(output, value)
            }
        }
        return (values, names)
    }

    private mutating func add(_ tensor: StoredTensor) {
        if names.insert(tensor.name).inserted { tensors.append(tensor) }
    }

    private mutating func add(
        _ value: ONNXGraph.Initializer, _ name: String
    ) throws(FormatFailure) {
        add(try source.stored(value, name: name))
    }

    // MARK: - Folded parameters

    /// The constants that the nodes of a module use.
    private struct Module {
        var isNorm = false
        var weights: [(ordinal: Int, value: ONNXGraph.Initializer)] = []
        var biases: [(ordinal: Int, value: ONNXGraph.Initializer)] = []
        var factors: [ONNXGraph.Initializer] = []
    }

    private mutating func restore(_ nodes: [ONNXGraph.Node]) throws(FormatFailure) {
        var modules: [String: Module] = [:]
        var order: [String] = []
        var shapes: [(scope: String, sizes: [Int])] = []
        for node in nodes {
            let scope = officialScope(node)
            let constants = node.inputs.map { values[$0] }
            guard !scope.isEmpty else {
                try restoreEmbedding(node, nodes, constants)
                continue
            }
            guard OfficialNames.isParameter(scope + ".") else { continue }
            if modules[scope] == nil {
                order.append(scope)
                modules[scope] = Module()
            }
            // Changed in place: a copy would make many constants of one module quadratic.
            switch node.operation {
            case "Conv", "ConvTranspose", "LayerNormalization":
                for (input, leaf) in [(1, "weight"), (2, "bias")] where constants.count > input {
                    if let value = constants[input] {
                        try add(value, "\(scope).\(leaf)")
                    }
                }
                if scope.hasSuffix(".dconv.layers.1.0"), let dilation = node.dilations.first {
                    traits.hasDilatedDConv = dilation > 1
                }
            case "InstanceNormalization":
                modules[scope]?.isNorm = true
            case "MatMul":
                if constants.count == 2, let value = constants[1] {
                    modules[scope]?.weights.append((node.ordinal, value))
                }
            case "Add":
                for case let value? in constants where value.isFloatArray {
                    modules[scope]?.biases.append((node.ordinal, value))
                }
            case "Mul":
                for case let value? in constants where value.isFloatArray {
                    modules[scope]?.factors.append(value)
                }
            case "Reshape":
                if constants.count > 1, let sizes = constants[1] {
                    shapes.append((scope, integers(sizes)))
                }
            default:
                break
            }
        }
        for scope in order {
            if let module = modules[scope] { try restore(module, scope) }
        }
        readShapes(shapes)
    }

    /// The node's module without the prefix; empty at the top level. If a wrapper calls the model's
    /// parts itself, only parameter names have the prefix.
    private func officialScope(_ node: ONNXGraph.Node) -> String {
        let scope = node.scope
        if scope + "." == prefix { return "" }
        return scope.hasPrefix(prefix) ? String(scope.dropFirst(prefix.count)) : scope
    }

    private mutating func restore(_ module: Module, _ scope: String) throws(FormatFailure) {
        let isAttention = scope.hasSuffix("_attn")
        if module.isNorm {
            if let gain = module.factors.first { try addFlat(gain, "\(scope).weight") }
            if let bias = module.biases.first { try addFlat(bias.value, "\(scope).bias") }
        } else if !module.weights.isEmpty {
            let weights = try inOrder(module.weights).map { value throws(FormatFailure) in
                try transposed(source.stored(value, name: scope))
            }
            try addJoined(weights, "\(scope).\(isAttention ? "in_proj_weight" : "weight")")
            let biases = try inOrder(module.biases).map { value throws(FormatFailure) in
                try source.stored(value, name: scope)
            }
            if !biases.isEmpty {
                try addJoined(biases, "\(scope).\(isAttention ? "in_proj_bias" : "bias")")
            }
        } else if let factor = module.factors.first,
            scope.hasPart(".dconv.layers.") || scope.split(separator: ".").last == "gamma_1"
                || scope.split(separator: ".").last == "gamma_2"
        {
            try addFlat(factor, "\(scope).scale")
        }
    }

    /// The pieces of `in_proj` with the query first: in the order of the exporter's ordinals; of
    /// two pieces, q and k with v, the smaller one first.
    private func inOrder(
        _ pieces: [(ordinal: Int, value: ONNXGraph.Initializer)]
    ) -> [ONNXGraph.Initializer] {
        let sorted = pieces.sorted { $0.ordinal < $1.ordinal }.map { $0.value }
        guard sorted.count == 2, let first = sorted[0].shape.last, let second = sorted[1].shape.last
        else { return sorted }
        return first > second ? [sorted[1], sorted[0]] : sorted
    }

    /// The transposed view of a stored matrix: `[rows, columns]` as `[columns, rows]`.
    private func transposed(_ tensor: StoredTensor) throws(FormatFailure) -> StoredTensor {
        guard tensor.shape.count == 2, var part = tensor.parts.first else {
            throw FormatFailure(
                unsupported:
                    "the weight of \(tensor.name) has the shape \(tensor.shape.listed), and a "
                    + "matrix was expected")
        }
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        part.axes = [.init(size: columns, stride: 1), .init(size: rows, stride: columns)]
        return StoredTensor(
            name: tensor.name, elementType: tensor.elementType, shape: [columns, rows],
            parts: [part])
    }

    /// Concatenates pieces along their first axis.
    private mutating func addJoined(
        _ pieces: [StoredTensor], _ name: String
    ) throws(FormatFailure) {
        guard let first = pieces.first, !names.contains(name) else { return }
        var rows = 0
        for piece in pieces {
            guard let size = piece.shape.first, piece.shape.dropFirst() == first.shape.dropFirst(),
                piece.elementType == first.elementType
            else {
                throw FormatFailure(
                    unsupported: "the pieces of \(name) have different shapes or types: "
                        + "\(first.shape.listed) and \(piece.shape.listed)")
            }
            // Pieces with values are no larger than the file, so their sum can't overflow.
            guard piece.count > 0 else {
                throw FormatFailure(
                    unsupported:
                        "a piece of \(name) has the shape \(piece.shape.listed), without values")
            }
            rows += size
        }
        add(
            StoredTensor(
                name: name, elementType: first.elementType,
                shape: [rows] + first.shape.dropFirst(), parts: pieces.flatMap { $0.parts }))
    }

    /// Adds a tensor of one value for each channel, without its axes of size 1.
    private mutating func addFlat(
        _ value: ONNXGraph.Initializer, _ name: String
    ) throws(FormatFailure) {
        let tensor = try source.stored(value, name: name)
        add(tensor.named(name, shape: [tensor.count]))
    }

    /// Restores the frequency embedding, `[1, C, F, 1]`, and its weight in the sum. The stored
    /// values include `emb_scale`, so the restored model has an `emb_scale` of 1.
    private mutating func restoreEmbedding(
        _ node: ONNXGraph.Node, _ nodes: [ONNXGraph.Node], _ constants: [ONNXGraph.Initializer?]
    ) throws(FormatFailure) {
        let name = "freq_emb.embedding.weight"
        guard node.operation == "Expand", let value = constants.first ?? nil,
            value.shape.count == 4, value.shape[0] == 1, value.shape[3] == 1,
            !names.contains(name)
        else { return }
        let stored = try source.stored(value, name: name)
        add(try transposed(stored.named(name, shape: Array(value.shape[1...2]))))
        traits.arguments["emb_scale"] = .integer(1)
        let outputs = Set(node.outputs)
        let product = nodes.first { other in
            other.operation == "Mul" && other.inputs.contains(where: outputs.contains)
        }
        let factor = product?.inputs.compactMap { values[$0] }.first
        if let factor, let factor = scalar(factor) {
            traits.arguments["freq_emb"] = .number(factor)
        }
    }

    // MARK: - Constants

    /// Reads the numbers of heads and groups from the shapes of Reshape.
    private mutating func readShapes(_ shapes: [(scope: String, sizes: [Int])]) {
        var heads = 0
        var known: [String: [Int]] = [:]
        for tensor in tensors { known[tensor.name] = tensor.shape }
        for (scope, sizes) in shapes {
            let last = scope.split(separator: ".").last ?? ""
            if last.hasSuffix("_attn") {
                // [length, heads, channels / heads] or [1, heads, length, channels / heads]
                guard sizes.count == 3 || sizes.count == 4, let width = sizes.last, width > 0,
                    (1...CheckpointContents.tensorLimit).contains(sizes[1]),
                    let weight = known[scope + ".in_proj_weight"], weight.count == 2,
                    sizes[1].multipliedReportingOverflow(by: width) == (weight[1], false)
                else { continue }
                heads = max(heads, sizes[1])
            } else if (last == "norm1" || last == "norm2") && scope.hasPart("coder."),
                sizes.count == 3, sizes[1] > 0
            {
                traits.arguments["norm_groups"] = .integer(sizes[1])
            }
        }
        if heads > 0 { traits.arguments["t_heads"] = .integer(heads) }
    }

    /// Reads the segment from the input `[1, channels, samples]`, and the frequencies from the
    /// input `[1, 2 · channels, freq, time]` of graphs without their own STFT.
    private mutating func readInputs(_ inputs: [ONNXGraph.Input]) {
        for input in inputs where values[input.name] == nil {
            if input.shape.count == 3, input.shape[2] > 0 {
                traits.segmentSamples = input.shape[2]
            }
            if input.shape.count == 4, input.shape[2] > 0 {
                traits.frequencies = input.shape[2]
            }
        }
    }

    /// The first integers of a constant.
    private mutating func integers(_ value: ONNXGraph.Initializer) -> [Int] {
        guard value.typeCode == 7, let bytes = source.bytes(value) else { return [] }
        return bytes.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 8).map {
                Int(Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: Int64.self)))
            }
        }
    }

    /// A single float as the shortest decimal that rounds to the stored value: 0.2 for
    /// 0.20000000298.
    private mutating func scalar(_ value: ONNXGraph.Initializer) -> Double? {
        guard value.shape.allSatisfy({ $0 == 1 }), let bytes = source.bytes(value) else {
            return nil
        }
        let bits = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let isFloat16 = value.typeCode == 10
        let stored: Float
        switch value.typeCode {
        case 1: stored = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
        case 10: stored = Widening.float(fromFloat16: UInt16(truncatingIfNeeded: bits))
        default: return nil
        }
        guard stored.isFinite else { return nil }
        // Nine digits distinguish any two float32 values.
        let decimals = (1...9).lazy.compactMap {
            Double(Double(stored).significant($0))
        }
        return decimals.first { decimal in
            let rounded = Float(decimal)
            return rounded == stored
                || isFloat16 && Narrowing.float16(rounded) == Narrowing.float16(stored)
        }
    }
}
