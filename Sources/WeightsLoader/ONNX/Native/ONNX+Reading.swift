// Reader of ONNX files: a graph's initialisers as tensors. `ONNXStateDict.swift` maps their names
// to the official state dict.

import System

extension ONNX {
    /// Reads the graph and restores the official state dict from its initialisers.
    ///
    /// - Parameter external: opens a file beside this one.
    /// - Throws: `FormatFailure`.
    static func read(
        _ file: FileBytes, external: @escaping (_ name: String) throws(WeightsError) -> FileBytes
    ) throws(FormatFailure) -> CheckpointContents {
        let graph = try ONNXGraph(file)
        try refuseQuantized(graph)
        return try ONNXStateDict(graph, ONNXTensors(file, external: external)).contents
    }

    private static func refuseQuantized(_ graph: ONNXGraph) throws(FormatFailure) {
        let signs = ["QuantizeLinear", "Integer", "QLinear", "QGemm", "QAttention", "NBits"]
        let quantized = graph.nodes.first { node in
            signs.contains { node.operation.hasPart($0) }
        }
        if let quantized {
            throw FormatFailure(
                unsupported: "its graph computes with quantized weights (\(quantized.operation)); "
                    + CheckpointContents.floatsWanted)
        }
    }
}

/// Turns initialisers into tensors, and opens the external files that hold their values.
struct ONNXTensors {
    let file: FileBytes
    private let external: (_ name: String) throws(WeightsError) -> FileBytes
    /// External files opened so far; `TensorPart.file` counts them from 1.
    private var externalFiles: [FileBytes] = []
    private var externalIndices: [String: Int] = [:]

    /// Each file stays open.
    private static let externalLimit = 16

    init(
        _ file: FileBytes, external: @escaping (_ name: String) throws(WeightsError) -> FileBytes
    ) {
        self.file = file
        self.external = external
    }

    /// The initialiser as a tensor under another name, with its byte range checked.
    mutating func stored(
        _ initializer: ONNXGraph.Initializer, name: String
    ) throws(FormatFailure) -> StoredTensor {
        guard let type = Self.elementTypes[initializer.typeCode] else {
            throw FormatFailure(
                unsupported: "\(name.quoted) has the unknown dtype \"ONNX type "
                    + "\(initializer.typeCode)\"; weights are floats")
        }
        let offset = initializer.offset
        let expected = try StoredTensor.bits(initializer.shape, type, of: name, at: offset) / 8
        let field = Self.typedField(of: initializer.typeCode)
        let raw = initializer.values[9]
        var part = TensorPart(byteRange: raw ?? initializer.values[field] ?? 0..<0)
        var found = part.byteRange.count
        if initializer.isExternal {
            part = try locate(initializer.external, expectedBytes: expected, tensor: name)
            found = expected
        } else if raw == nil, initializer.values[field] == nil,
            let other = initializer.values.keys.min()
        {
            throw FormatFailure(
                "\(name.quoted) has its values in \(Self.fieldNames[other] ?? "another field"), "
                    + "but values of its type must be in \(Self.fieldNames[field] ?? "raw_data")",
                at: offset)
        } else if raw == nil, [5, 7, 11].contains(field) {
            let count = file.withBytes(part.byteRange) { $0.count { $0 < 0x80 } }
            found = count * type.bits / 8
            part.isVarints = true
            part.axes = [TensorPart.Axis(size: count, stride: 1)]
        }
        try StoredTensor.check(found, isSizeOf: name, expectedBytes: expected, at: offset)
        return StoredTensor(
            name: name, elementType: type, shape: initializer.shape, parts: [part])
    }

    /// The bytes of a small constant; nil for a large or invalid one.
    mutating func bytes(_ constant: ONNXGraph.Initializer) -> [UInt8]? {
        // A varint has up to ten bytes.
        guard constant.values.values.allSatisfy({ $0.count <= 10 * CheckpointContents.rankLimit }),
            let tensor = try? stored(constant, name: constant.name),
            let part = tensor.parts.first,
            tensor.countBytes <= 8 * CheckpointContents.rankLimit
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: tensor.countBytes)
        (part.file == 0 ? file : externalFiles[part.file - 1]).withBytes(part.byteRange) { stored in
            bytes.withUnsafeMutableBytes {
                part.copy(stored, elementBytes: tensor.elementType.bits / 8, to: $0)
            }
        }
        return bytes
    }

    /// The field of `TensorProto` for values of a type, apart from `raw_data`.
    private static func typedField(of typeCode: Int) -> Int {
        switch typeCode {
        case 1, 14: 4
        case 7: 7
        case 11: 10
        case 12, 13: 11
        default: 5
        }
    }

    private static let fieldNames = [
        4: "float_data", 5: "int32_data", 7: "int64_data", 10: "double_data", 11: "uint64_data",
    ]

    /// The file at `location` and the range of `offset` and `length` in it.
    private mutating func locate(
        _ external: [String: String], expectedBytes: Int, tensor: String
    ) throws(FormatFailure) -> TensorPart {
        let location = external["location"] ?? ""
        func invalid(_ problem: String) -> FormatFailure {
            FormatFailure(
                unsupported: "\(tensor.quoted) is in \(location.quoted): \(problem)")
        }
        // Only files below the graph's own folder: a location is untrusted input.
        let components = location.split(separator: "/", omittingEmptySubsequences: false)
        guard !location.isEmpty, !location.contains("\\"), !location.utf8.contains(0),
            components.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." })
        else {
            throw invalid("it must be a file below the ONNX file's own folder")
        }
        guard let begin = Int(external["offset"] ?? "0"), begin >= 0,
            let length = external["length"].map({ Int($0) }) ?? expectedBytes,
            length == expectedBytes
        else {
            throw invalid(
                "offset \(external["offset"] ?? "0") and length \(external["length"] ?? "none") "
                    + "don't fit the shape, which needs \(expectedBytes) bytes")
        }
        if externalIndices[location] == nil {
            guard externalFiles.count < Self.externalLimit else {
                throw invalid(
                    "more than \(Self.externalLimit) files of external data; save the graph again "
                        + "with all tensors in one file (all_tensors_to_one_file=True)")
            }
            // Links are followed: they are made by the user, for example in the Hugging Face cache.
            do {
                externalFiles.append(try self.external(location))
            } catch {
                throw .external(error)
            }
        }
        let index = externalIndices[location, default: externalFiles.count]
        externalIndices[location] = index
        let available = externalFiles[index - 1].countBytes
        guard begin <= available, expectedBytes <= available - begin else {
            throw invalid(
                "bytes \(begin) to \(begin) + \(expectedBytes) are needed, but the file has "
                    + "\(available); download it again")
        }
        return TensorPart(file: index, byteRange: begin..<begin + expectedBytes)
    }

    /// `TensorProto.DataType`
    private static let elementTypes: [Int: ElementType] = [
        1: .float32, 2: .uint8, 3: .int8, 4: .uint16, 5: .int16, 6: .int32, 7: .int64, 9: .bool,
        10: .float16, 11: .float64, 12: .uint32, 13: .uint64, 14: .complex64, 16: .bfloat16,
        17: .float8E4M3, 18: .float8E4M3FNUZ, 19: .float8E5M2, 20: .float8E5M2FNUZ,
    ]
}
