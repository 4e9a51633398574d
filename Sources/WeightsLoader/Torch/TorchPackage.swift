// Also Embedded Swift: typed throws, no key paths, no casts.
// The dictionary that demucs saves in a torch file: `{klass, args, kwargs, state, training_args}`; or a
// state dict, alone or under the keys of training code.
// Reference: demucs 4.1.0, states.py, `serialize_model` and `load_model`; ZFTurbo's
// Music-Source-Separation-Training, utils/model_utils.py, `load_start_checkpoint`.

import System

/// The unpickled content of a torch file, and the byte ranges of its storages.
struct TorchPackage {
    private let root: PickleValue
    private let heap: PickleHeap
    private let objects: TorchObjects
    private let storageRanges: [String: Range<Int>]

    /// The most elements of a view that repeats elements: 64 MB of float32.
    private static let expandedLimit = 1 << 24

    /// Keys of the state dict; of demucs the first.
    private static let stateKeys = ["state", "state_dict", "model_state_dict", "model"]

    init(_ package: Unpickled, storageRanges: [String: Range<Int>]) {
        (root, heap, objects) = (package.root, package.heap, package.objects)
        self.storageRanges = storageRanges
    }

    /// The model's tensors and arguments. A state dict without class has no arguments.
    func contents() throws(FormatFailure) -> CheckpointContents {
        guard let package = heap.members(root) else {
            throw FormatFailure(
                unsupported:
                    "it doesn't hold a dictionary, but some other object; give a checkpoint as "
                    + "published by the official package")
        }
        let state = Self.stateKeys.lazy.compactMap { package[$0] }.first ?? root
        var contents = CheckpointContents(tensors: try tensors(of: state))
        if let klass = package["klass"] {
            guard let className = heap.globalName(klass) else {
                throw invalid("klass", "it is not a class")
            }
            guard case .array(let positional) = try argument(package["args"], key: "args") else {
                throw invalid("args", "a tuple was expected")
            }
            guard case .object(let keyword) = try argument(package["kwargs"], key: "kwargs") else {
                throw invalid("kwargs", "a dictionary was expected")
            }
            contents.arguments = ModelArguments(
                className: className, positional: positional, keyword: keyword)
        }
        return contents
    }

    // MARK: - Tensors

    private func tensors(of state: PickleValue) throws(FormatFailure) -> [StoredTensor] {
        guard case .dictionary(let index) = state else {
            throw FormatFailure(unsupported: "its state is not a dictionary of tensors")
        }
        let entries = heap.dictionaries[index]
        guard entries.count <= CheckpointContents.tensorLimit else {
            throw objects.failure(
                "a state of \(entries.count) entries; at most \(CheckpointContents.tensorLimit) "
                    + "are read")
        }
        if entries.contains(where: {
            if case .string("__quantized") = $0.key { true } else { false }
        }) {
            throw quantized("its weights are packed by diffq (\"__quantized\")")
        }
        var tensors: [StoredTensor] = []
        var indices: [String: Int] = [:]
        for (key, value) in entries {
            guard case .string(let name) = key else {
                throw FormatFailure(unsupported: "a tensor has no name")
            }
            guard case .made(let index) = value else {
                throw FormatFailure(
                    unsupported: "the entry \"\(name)\" of its state is not a tensor")
            }
            let tensor: StoredTensor
            switch objects.made[index] {
            case .tensor(let view): tensor = try stored(view, name: name)
            case .quantizedTensor:
                throw quantized("the tensor \(name.quoted) was quantized by torch")
            case .storage, .fraction:
                throw FormatFailure(
                    unsupported: "the entry \"\(name)\" of its state is not a tensor")
            }
            // As in Python, the last of equal keys counts.
            if let known = indices[name] {
                tensors[known] = tensor
            } else {
                indices[name] = tensors.count
                tensors.append(tensor)
            }
        }
        return tensors
    }

    /// Checks a view against its storage, and the storage against the file.
    private func stored(_ view: TorchTensor, name: String) throws(FormatFailure) -> StoredTensor {
        let elementBytes = view.elementType.bits / 8
        let storage = view.storage
        guard let range = storageRanges[storage.key] else {
            throw objects.failure(
                "the storage \"\(storage.key)\" of \"\(name)\" is not in the file")
        }
        let size = storage.countBytes ?? .max
        try StoredTensor.check(
            range.count, isSizeOf: name, expectedBytes: size, at: range.lowerBound)
        let bits = try StoredTensor.bits(
            view.shape, view.elementType, of: name, at: objects.offset)
        let count = bits / view.elementType.bits
        let available = size / elementBytes
        // A view may repeat elements: an expanded axis has the stride 0.
        guard view.offset >= 0, view.offset <= available,
            count <= max(available, Self.expandedLimit),
            let last = Self.lastElement(view), last < available || count == 0
        else {
            throw objects.failure(
                "\(name.quoted) should be at \(view.offset)..<\(view.offset &+ count) of a "
                    + "storage of \(available) elements")
        }
        let begin = range.lowerBound + view.offset * elementBytes
        let end = count == 0 ? begin : begin + (last - view.offset + 1) * elementBytes
        var part = TensorPart(byteRange: begin..<end)
        // An axis of size 1 takes no step, so that its stride may be any number.
        let axes = zip(view.shape, view.strides).map(TensorPart.Axis.init).filter { $0.size != 1 }
        let rowMajor = Self.rowMajorStrides(axes.map { $0.size })
        if count > 1, axes.map({ $0.stride }) != rowMajor { part.axes = axes }
        return StoredTensor(
            name: name, elementType: view.elementType, shape: view.shape, parts: [part])
    }

    /// The index in the storage of the view's last element; nil for negative strides and overflow.
    private static func lastElement(_ view: TorchTensor) -> Int? {
        var last = view.offset
        for (size, stride) in zip(view.shape, view.strides) where size > 0 {
            let (distance, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
            let (sum, sumOverflow) = last.addingReportingOverflow(distance)
            guard stride >= 0, !overflow, !sumOverflow else { return nil }
            last = sum
        }
        return last
    }

    private static func rowMajorStrides(_ shape: [Int]) -> [Int] {
        var stride = 1
        return shape.reversed().map { size in
            defer { stride &*= max(size, 1) }
            return stride
        }.reversed()
    }

    // MARK: - Arguments

    private func argument(
        _ value: PickleValue?, key: String
    ) throws(FormatFailure) -> ArgumentValue {
        var budget = 10_000
        return try argument(value ?? PickleValue.none, key: key, depth: 0, budget: &budget)
    }

    /// - Parameter budget: the number of values that may still be made, because shared containers
    ///   could expand into far more values than the pickle has.
    private func argument(
        _ value: PickleValue, key: String, depth: Int, budget: inout Int
    ) throws(FormatFailure) -> ArgumentValue {
        budget -= 1
        guard depth < 32, budget >= 0 else {
            throw invalid(key, "values nested too deeply, or too many of them")
        }
        switch value {
        case .none: return .null
        case .bool(let bool): return .bool(bool)
        case .integer(let integer): return .integer(integer)
        case .number(let number): return .number(number)
        case .string(let string): return .string(string)
        case .tuple(let index), .list(let index):
            return .array(
                try heap.sequences[index].map { element throws(FormatFailure) in
                    try argument(element, key: key, depth: depth + 1, budget: &budget)
                })
        case .dictionary(let index):
            var members: [String: ArgumentValue] = [:]
            for (name, value) in heap.dictionaries[index] {
                guard case .string(let name) = name else {
                    throw invalid(key, "a dictionary whose keys are not strings")
                }
                members[name] = try argument(value, key: key, depth: depth + 1, budget: &budget)
            }
            return .object(members)
        case .made(let index):
            if case .fraction(let numerator, let denominator) = objects.made[index] {
                return .fraction(numerator: numerator, denominator: denominator)
            }
            fallthrough
        case .global, .opaque:
            throw invalid(
                key, "it holds a value other than a number, text, list, dictionary or fraction")
        }
    }

    private func invalid(_ key: String, _ problem: String) -> FormatFailure {
        objects.failure("\(key.quoted): \(problem)")
    }

    private func quantized(_ reason: String) -> FormatFailure {
        FormatFailure(unsupported: "\(reason); \(CheckpointContents.floatsWanted)")
    }
}
