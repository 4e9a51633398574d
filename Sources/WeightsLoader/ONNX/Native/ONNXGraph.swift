// Reader of an ONNX graph: the byte ranges of the weights, and the nodes that use them.
// Reference: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (field numbers below).

/// A graph's nodes, initialisers and inputs, under the exporter's names.
struct ONNXGraph {
    /// `NodeProto`
    struct Node {
        var name = ""
        var operation = ""
        var inputs: [String] = []
        var outputs: [String] = []
        /// `dilations` of a convolution.
        var dilations: [Int] = []
        /// `value` of a Constant.
        var value: Initializer?

        /// The module that the node belongs to, from the exporter's path:
        /// `/model/encoder.0/conv/Conv` gives `model.encoder.0.conv`. Modules in a list repeat the
        /// list's name, `layers.0/layers.0.1`.
        var scope: String {
            var components: [Substring] = []
            for component in name.split(separator: "/").dropLast() {
                if let last = components.last, component.hasPrefix(last + ".") {
                    components.removeLast()
                }
                components.append(component)
            }
            return components.joined(separator: ".")
        }

        /// The number that the exporter appends to distinguish nodes of one scope: `MatMul_1`.
        var ordinal: Int {
            name.split(separator: "_").last.flatMap { Int($0) } ?? 0
        }
    }

    /// `TensorProto`
    struct Initializer {
        /// Offset of the first byte.
        let offset: Int
        var name = ""
        var shape: [Int] = []
        var typeCode = 0
        /// Byte ranges of `raw_data` and of the fields with typed values, by the field's number.
        var values: [Int: Range<Int>] = [:]
        /// Whether `data_location` says that the values are in another file.
        var isExternal = false
        /// `external_data`: location, offset and length as text.
        var external: [String: String] = [:]

        var isFloat: Bool { [1, 10, 11, 16].contains(typeCode) }
        /// Whether this can be a parameter and not a factor or an index.
        var isFloatArray: Bool { !shape.isEmpty && isFloat }
    }

    /// `ValueInfoProto`; dynamic sizes are 0.
    struct Input {
        var name = ""
        var shape: [Int] = []
    }

    private(set) var nodes: [Node] = []
    private(set) var initializers: [Initializer] = []
    private(set) var inputs: [Input] = []

    /// The most nodes of a graph. The graph of a published model has about 5,000.
    private static let nodeLimit = 32_768
    /// The most inputs and outputs of all nodes together.
    private static let linkLimit = 131_072
    private static let nameLimitBytes = 512
    /// The most dilations, and the most entries of `external_data`.
    private static let integerLimit = 8

    private let file: FileBytes
    private var links = 0

    /// Reads the whole file, `ModelProto`.
    init(_ file: FileBytes) throws(FormatFailure) {
        self.file = file
        var model = ProtobufReader(file, 0..<file.countBytes)
        while let field = try model.next() {
            if field.number == 7 { try readGraph(field.bytes()) }
        }
    }

    /// `GraphProto`
    private mutating func readGraph(_ range: Range<Int>) throws(FormatFailure) {
        var graph = ProtobufReader(file, range)
        while let field = try graph.next() {
            switch field.number {
            case 1: nodes.append(try node(field.bytes()))
            case 5: initializers.append(try initializer(field.bytes()))
            case 11: inputs.append(try input(field.bytes()))
            default: continue
            }
            guard nodes.count <= Self.nodeLimit, inputs.count <= Self.nodeLimit,
                initializers.count <= CheckpointContents.tensorLimit, links <= Self.linkLimit
            else {
                throw FormatFailure(
                    "a graph of more nodes, tensors or links than any model has", at: field.offset)
            }
        }
    }

    private mutating func node(_ range: Range<Int>) throws(FormatFailure) -> Node {
        var node = Node()
        var message = ProtobufReader(file, range)
        while let field = try message.next() {
            switch field.number {
            case 1 where links <= Self.linkLimit:
                node.inputs.append(try name(field))
                links += 1
            case 2 where links <= Self.linkLimit:
                node.outputs.append(try name(field))
                links += 1
            case 3: node.name = try name(field)
            case 4: node.operation = try name(field)
            case 5: try readAttribute(field.bytes(), of: &node)
            default: continue
            }
        }
        return node
    }

    /// `AttributeProto`
    private func readAttribute(_ range: Range<Int>, of node: inout Node) throws(FormatFailure) {
        var attribute = ""
        var integers: [Int] = []
        var tensor: Range<Int>?
        var message = ProtobufReader(file, range)
        while let field = try message.next() {
            switch field.number {
            case 1: attribute = try name(field)
            case 5: tensor = try field.bytes()
            case 8:
                try field.appendIntegers(to: &integers, limit: Self.integerLimit, file)
            default: continue
            }
        }
        if attribute == "dilations" { node.dilations = integers }
        if attribute == "value", let tensor { node.value = try initializer(tensor) }
    }

    private func initializer(_ range: Range<Int>) throws(FormatFailure) -> Initializer {
        var tensor = Initializer(offset: range.lowerBound)
        var message = ProtobufReader(file, range)
        while let field = try message.next() {
            switch field.number {
            case 1:
                try field.appendIntegers(
                    to: &tensor.shape, limit: CheckpointContents.rankLimit + 1, file)
            case 2: tensor.typeCode = try field.integer()
            case 4, 5, 7, 9, 10, 11:
                guard tensor.values[field.number] == nil, case .bytes(let range) = field.value
                else {
                    throw FormatFailure(
                        "the values of \"\(tensor.name)\" come in several pieces", at: field.offset)
                }
                tensor.values[field.number] = range
            case 8: tensor.name = try name(field)
            case 13:
                let (key, value) = try pair(field.bytes())
                if tensor.external.count < Self.integerLimit { tensor.external[key] = value }
            case 14: tensor.isExternal = try field.integer() == 1
            default: continue
            }
        }
        return tensor
    }

    /// `StringStringEntryProto`
    private func pair(_ range: Range<Int>) throws(FormatFailure) -> (key: String, value: String) {
        var pair = (key: "", value: "")
        try each(1, in: range) { field throws(FormatFailure) in pair.key = try name(field) }
        try each(2, in: range) { field throws(FormatFailure) in pair.value = try name(field) }
        return pair
    }

    /// `ValueInfoProto` → `TypeProto` → `TypeProto.Tensor` → `TensorShapeProto`
    private func input(_ range: Range<Int>) throws(FormatFailure) -> Input {
        var input = Input()
        try each(1, in: range) { field throws(FormatFailure) in input.name = try name(field) }
        try each(2, in: range) { type throws(FormatFailure) in
            try each(1, in: type.bytes()) { tensorType throws(FormatFailure) in
                try each(2, in: tensorType.bytes()) { shape throws(FormatFailure) in
                    try readSizes(shape.bytes(), of: &input)
                }
            }
        }
        return input
    }

    /// `TensorShapeProto` → `Dimension`
    private func readSizes(_ range: Range<Int>, of input: inout Input) throws(FormatFailure) {
        try each(1, in: range) { dimension throws(FormatFailure) in
            guard input.shape.count <= CheckpointContents.rankLimit else { return }
            var size = 0
            try each(1, in: dimension.bytes()) { field throws(FormatFailure) in
                size = try field.integer()
            }
            input.shape.append(size)
        }
    }

    /// Calls `body` with each field of that number.
    private func each(
        _ number: Int, in range: Range<Int>,
        _ body: (ProtobufReader.Field) throws(FormatFailure) -> Void
    ) throws(FormatFailure) {
        var message = ProtobufReader(file, range)
        while let field = try message.next() {
            if field.number == number { try body(field) }
        }
    }

    private func name(_ field: ProtobufReader.Field) throws(FormatFailure) -> String {
        guard try field.bytes().count <= Self.nameLimitBytes else {
            throw FormatFailure("a name of \(try field.bytes().count) bytes", at: field.offset)
        }
        return try field.text(file)
    }
}
