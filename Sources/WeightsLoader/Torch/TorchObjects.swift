// Also Embedded Swift: typed throws, no key paths, no casts.
// The objects in a pickle of `torch.save`: storages, tensors, fractions.
// Reference: torch/_utils.py (`_rebuild_tensor_v2` and similar) and torch/serialization.py.

/// A storage: contiguous elements, of which tensors are views.
struct TorchStorage {
    /// The storage's name within the file.
    let key: String
    /// nil for an untyped storage of bytes, whose tensors have their own types.
    let elementType: ElementType?
    /// Number of elements; of bytes in an untyped storage.
    let count: Int

    /// Size in bytes; nil if it overflows.
    var countBytes: Int? {
        let elementBytes = (elementType ?? .uint8).bits / 8
        let (size, overflow) = count.multipliedReportingOverflow(by: elementBytes)
        return overflow ? nil : size
    }
}

/// A view of a storage.
struct TorchTensor {
    let storage: TorchStorage
    let elementType: ElementType
    /// Offset of the first element from the storage's start, in elements.
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}

/// A pickle's value with the containers and objects that it refers to.
struct Unpickled {
    let root: PickleValue
    let heap: PickleHeap
    let objects: TorchObjects

    /// Runs the pickle at the cursor and moves the cursor to its end.
    init(_ cursor: inout ByteCursor) throws(FormatFailure) {
        var machine = PickleMachine(cursor)
        root = try machine.run()
        (heap, objects) = (machine.heap, machine.objects)
        cursor = machine.cursor
    }
}

/// Builds torch's objects, and Python's fractions and ordered dictionaries.
struct TorchObjects {
    /// The object of a `PickleValue.made`.
    enum Made {
        case storage(TorchStorage)
        case tensor(TorchTensor)
        case fraction(numerator: Int, denominator: Int)
        /// A quantized tensor of torch: integers with scales.
        case quantizedTensor
    }

    /// Offset of the pickle's first byte, for messages.
    let offset: Int
    private(set) var made: [Made] = []
    private(set) var storages: [String: TorchStorage] = [:]
    /// Pairs that calls of `OrderedDict` have copied from lists. A list can be recalled from the
    /// memo, so that a few bytes of the pickle could copy many.
    private var copiedPairs = 0
    /// The longest name of a storage and text of a fraction; they too can be recalled.
    private static let textLimitBytes = 1024

    init(offset: Int) { self.offset = offset }

    /// The result of calling `function` (`module.name`); nil for an unknown function.
    mutating func call(
        _ function: String, _ arguments: [PickleValue], heap: inout PickleHeap
    ) throws(FormatFailure) -> PickleValue? {
        switch function {
        case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
            return add(.tensor(try tensor(arguments, type: nil, heap)))
        case "torch._utils._rebuild_tensor_v3":
            // Arguments: …, requires_grad, hooks, dtype
            guard arguments.count > 6, let name = heap.globalName(arguments[6]),
                let type = Self.elementTypes[name]
            else { throw failure("a tensor of unknown type") }
            return add(.tensor(try tensor(arguments, type: type, heap)))
        case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
            return arguments.first
        case "torch._utils._rebuild_qtensor":
            return add(.quantizedTensor)
        case "torch.Size":
            return arguments.first
        case "collections.OrderedDict":
            return try orderedDictionary(arguments, heap: &heap)
        case "fractions.Fraction":
            return Self.fraction(arguments).map { add($0) }
        default:
            return nil
        }
    }

    /// The object that a persistent id stands for: that of `("storage", type, key, location, number
    /// of elements[, view])`, or of `("module", class, file, source)`, a layer's class in the older
    /// format.
    mutating func persistent(
        _ id: PickleValue, heap: PickleHeap
    ) throws(FormatFailure) -> PickleValue {
        if let parts = heap.elements(id), parts.count == 4, case .string("module") = parts[0] {
            return parts[1]
        }
        guard let parts = heap.elements(id), parts.count >= 5, case .string("storage") = parts[0],
            let typeName = heap.globalName(parts[1]), case .string(let key) = parts[2],
            key.utf8.count <= Self.textLimitBytes, case .integer(let count) = parts[4], count >= 0
        else { throw failure("a persistent id that isn't a storage's") }
        if parts.count > 5 {
            guard case .none = parts[5] else {
                throw failure(
                    "the storage \"\(key)\" is a view of another, as torch before 0.4 "
                        + "wrote them")
            }
        }
        let isUntyped = typeName.hasSuffix(".UntypedStorage")
        guard let type = isUntyped ? .uint8 : Self.elementTypes[typeName] else {
            throw failure("the storage \"\(key)\" has the unknown type \(typeName)")
        }
        let storage = TorchStorage(key: key, elementType: isUntyped ? nil : type, count: count)
        if let known = storages[key] {
            guard known.elementType == storage.elementType, known.count == count else {
                throw failure("the storage \"\(key)\" appears with two types or sizes")
            }
        } else {
            storages[key] = storage
        }
        return add(.storage(storage))
    }

    func failure(_ problem: String) -> FormatFailure {
        FormatFailure("in its pickle: " + problem, at: offset)
    }

    // MARK: - Objects

    private mutating func add(_ object: Made) -> PickleValue {
        made.append(object)
        return .made(made.count - 1)
    }

    /// A tensor from the arguments `(storage, offset, size, stride, …)`.
    private func tensor(
        _ arguments: [PickleValue], type: ElementType?, _ heap: PickleHeap
    ) throws(FormatFailure) -> TorchTensor {
        guard arguments.count >= 4, case .made(let index) = arguments[0],
            case .storage(let storage) = made[index], case .integer(let offset) = arguments[1],
            let shape = integers(arguments[2], heap), let strides = integers(arguments[3], heap),
            shape.count == strides.count
        else { throw failure("a tensor without storage, offset, size and stride") }
        guard let type = type ?? storage.elementType else {
            throw failure("a tensor of unknown type")
        }
        return TorchTensor(
            storage: storage, elementType: type, offset: offset, shape: shape, strides: strides)
    }

    private func integers(_ value: PickleValue, _ heap: PickleHeap) -> [Int]? {
        guard let elements = heap.elements(value), elements.count <= CheckpointContents.rankLimit
        else { return nil }
        let integers = elements.compactMap { element in
            if case .integer(let integer) = element { integer } else { nil }
        }
        return integers.count == elements.count ? integers : nil
    }

    /// An ordered dictionary: empty, or from a list of pairs.
    private mutating func orderedDictionary(
        _ arguments: [PickleValue], heap: inout PickleHeap
    ) throws(FormatFailure) -> PickleValue {
        let pairs = arguments.first.flatMap { heap.elements($0) } ?? []
        copiedPairs += pairs.count
        guard copiedPairs <= PickleMachine.stepLimit else {
            throw failure("ordered dictionaries of more than \(PickleMachine.stepLimit) pairs")
        }
        let dictionary = heap.dictionary()
        if case .dictionary(let index) = dictionary {
            heap.dictionaries[index] = pairs.compactMap { pair in
                guard let pair = heap.elements(pair), pair.count == 2 else { return nil }
                return (pair[0], pair[1])
            }
        }
        return dictionary
    }

    /// A fraction from two integers, or from the text "39/5" that Python wrote before 3.12.
    private static func fraction(_ arguments: [PickleValue]) -> Made? {
        var parts: [Int?] = []
        switch arguments.first {
        case .string(let text) where text.utf8.count <= textLimitBytes:
            parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        default:
            parts = arguments.prefix(2).map {
                if case .integer(let value) = $0 { value } else { nil }
            }
        }
        if parts.count == 1 { parts.append(1) }
        guard parts.count == 2, let numerator = parts[0], let denominator = parts[1],
            denominator != 0
        else { return nil }
        return .fraction(numerator: numerator, denominator: denominator)
    }

    private static let elementTypes: [String: ElementType] = [
        "torch.FloatStorage": .float32, "torch.HalfStorage": .float16,
        "torch.BFloat16Storage": .bfloat16, "torch.DoubleStorage": .float64,
        "torch.LongStorage": .int64, "torch.IntStorage": .int32, "torch.ShortStorage": .int16,
        "torch.CharStorage": .int8, "torch.ByteStorage": .uint8, "torch.BoolStorage": .bool,
        "torch.ComplexFloatStorage": .complex64,
        // Types of tensors quantized by torch, which are refused later.
        "torch.QInt8Storage": .int8, "torch.QUInt8Storage": .uint8, "torch.QInt32Storage": .int32,
        "torch.float32": .float32, "torch.float16": .float16, "torch.bfloat16": .bfloat16,
        "torch.float64": .float64, "torch.int64": .int64, "torch.int32": .int32,
        "torch.int16": .int16, "torch.int8": .int8, "torch.uint8": .uint8, "torch.bool": .bool,
        "torch.complex64": .complex64, "torch.uint16": .uint16, "torch.uint32": .uint32,
        "torch.uint64": .uint64, "torch.float8_e4m3fn": .float8E4M3,
        "torch.float8_e5m2": .float8E5M2,
    ]
}
