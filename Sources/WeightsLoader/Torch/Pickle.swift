// Also Embedded Swift: typed throws, no key paths, no casts.
// An interpreter of Python's pickles that builds only plain values: it imports no class and calls
// no function. Reference: Lib/pickletools.py of CPython, protocols 2 to 5.

/// A value on the pickle machine's stack. Containers are in the machine's heap, so that cycles and
/// deep nesting are freed without recursion.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    /// Indices into ``PickleHeap/sequences``.
    case tuple(Int)
    case list(Int)
    /// Index into ``PickleHeap/dictionaries``.
    case dictionary(Int)
    /// A class or a function, by module and name: an index into ``PickleHeap/globals``.
    case global(Int)
    /// A value that ``TorchObjects`` made: its index there.
    case made(Int)
    /// Any other value.
    case opaque
}

/// The containers of one pickle.
struct PickleHeap {
    var sequences: [[PickleValue]] = []
    var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    var globals: [String] = []

    mutating func tuple(_ elements: [PickleValue]) -> PickleValue {
        sequences.append(elements)
        return .tuple(sequences.count - 1)
    }

    mutating func list() -> PickleValue {
        sequences.append([])
        return .list(sequences.count - 1)
    }

    mutating func dictionary() -> PickleValue {
        dictionaries.append([])
        return .dictionary(dictionaries.count - 1)
    }

    /// The elements of a tuple or list; nil for another value.
    func elements(_ value: PickleValue) -> [PickleValue]? {
        switch value {
        case .tuple(let index), .list(let index): sequences[index]
        default: nil
        }
    }

    /// The members of a dictionary with string keys; as in Python, the last of equal keys counts.
    func members(_ value: PickleValue) -> [String: PickleValue]? {
        guard case .dictionary(let index) = value else { return nil }
        var members: [String: PickleValue] = [:]
        for case (.string(let key), let value) in dictionaries[index] { members[key] = value }
        return members
    }

    /// `module.name` of a class or function.
    func globalName(_ value: PickleValue) -> String? {
        guard case .global(let index) = value else { return nil }
        return globals[index]
    }
}

/// Runs one pickle.
struct PickleMachine {
    /// The most steps, which bounds the memory of a pickle that only pushes values. A published
    /// model takes about 14,000.
    static let stepLimit = 400_000
    private static let globalLimit = 4096
    private static let nameLimitBytes = 1024

    private(set) var heap = PickleHeap()
    /// The results of the calls and persistent ids.
    private(set) var objects: TorchObjects
    private(set) var cursor: ByteCursor
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]

    init(_ cursor: ByteCursor) {
        self.cursor = cursor
        objects = TorchObjects(offset: cursor.position)
    }

    /// Runs the pickle up to its STOP.
    ///
    /// - Throws: `FormatFailure` for an invalid opcode or operand, and for too many steps.
    mutating func run() throws(FormatFailure) -> PickleValue {
        for _ in 0..<Self.stepLimit {
            let opcode = try cursor.byte("the next opcode of the pickle")
            if opcode == UInt8(ascii: ".") { return try pop() }
            try step(opcode)
        }
        throw cursor.failure("a pickle of more than \(Self.stepLimit) steps")
    }

    private mutating func step(_ opcode: UInt8) throws(FormatFailure) {
        switch opcode {
        case 0x80:  // PROTO
            let version = try cursor.byte("the pickle's protocol")
            guard (2...5).contains(version) else {
                throw cursor.failure("pickle protocol \(version); expected 2 to 5")
            }
        case 0x95: _ = try cursor.take(8, "a frame's length")  // FRAME

        // Constants
        case UInt8(ascii: "N"): stack.append(.none)
        case 0x88: stack.append(.bool(true))
        case 0x89: stack.append(.bool(false))
        case UInt8(ascii: "J"): stack.append(.integer(Int(try integer(Int32.self))))
        case UInt8(ascii: "K"): stack.append(.integer(Int(try integer(UInt8.self))))
        case UInt8(ascii: "M"): stack.append(.integer(Int(try integer(UInt16.self))))
        case 0x8A: stack.append(try longInteger(Int(integer(UInt8.self))))
        case 0x8B: stack.append(try longInteger(Int(integer(Int32.self))))
        case UInt8(ascii: "G"):  // BINFLOAT: big-endian
            let bits = try integer(UInt64.self).byteSwapped
            stack.append(.number(Double(bitPattern: bits)))
        case UInt8(ascii: "X"): stack.append(try string(integer(UInt32.self)))
        case 0x8C: stack.append(try string(integer(UInt8.self)))
        case 0x8D: stack.append(try string(integer(UInt64.self)))
        // Python 2's strings are read as text. Bytes are skipped: no model needs them.
        case UInt8(ascii: "T"): stack.append(try string(integer(UInt32.self)))
        case UInt8(ascii: "U"): stack.append(try string(integer(UInt8.self)))
        case UInt8(ascii: "B"): try skip(integer(UInt32.self))
        case UInt8(ascii: "C"): try skip(integer(UInt8.self))
        case 0x8E, 0x96: try skip(integer(UInt64.self))

        // Containers
        case UInt8(ascii: "("): marks.append(stack.count)
        case UInt8(ascii: ")"): stack.append(heap.tuple([]))
        case UInt8(ascii: "t"): stack.append(heap.tuple(try popToMark()))
        case 0x85: stack.append(heap.tuple(try pop(1)))
        case 0x86: stack.append(heap.tuple(try pop(2)))
        case 0x87: stack.append(heap.tuple(try pop(3)))
        case UInt8(ascii: "]"): stack.append(heap.list())
        case UInt8(ascii: "l"):
            let elements = try popToMark()
            stack.append(heap.list())
            try append(elements)
        case UInt8(ascii: "a"): try append(pop(1))
        case UInt8(ascii: "e"): try append(popToMark())
        case UInt8(ascii: "}"): stack.append(heap.dictionary())
        case UInt8(ascii: "d"):
            let pairs = try popToMark()
            stack.append(heap.dictionary())
            try set(pairs)
        case UInt8(ascii: "s"): try set(pop(2))
        case UInt8(ascii: "u"): try set(popToMark())
        // No model needs sets.
        case 0x8F: stack.append(.opaque)
        case 0x90: _ = try popToMark()
        case 0x91:
            _ = try popToMark()
            stack.append(.opaque)

        // Stack and memo
        case UInt8(ascii: "0"): _ = try pop()
        case UInt8(ascii: "1"): _ = try popToMark()
        case UInt8(ascii: "2"): stack.append(try top())
        case UInt8(ascii: "q"): memo[Int(try integer(UInt8.self))] = try top()
        case UInt8(ascii: "r"): memo[Int(truncatingIfNeeded: try integer(UInt32.self))] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): try recall(Int(integer(UInt8.self)))
        case UInt8(ascii: "j"): try recall(Int(truncatingIfNeeded: integer(UInt32.self)))

        // Classes, calls and storages beside the pickle
        case UInt8(ascii: "c"): try global(module: line(), name: line())
        case 0x93:
            let names = try pop(2)
            guard case .string(let module) = names[0], case .string(let name) = names[1] else {
                throw cursor.failure("a class whose name is not a string")
            }
            try global(module: module, name: name)
        case UInt8(ascii: "R"), 0x81:  // REDUCE and NEWOBJ: function or class, arguments
            let operands = try pop(2)
            try call(operands[0], operands[1])
        case 0x92:  // NEWOBJ_EX, with arguments by name, which no supported class takes
            _ = try pop(3)
            stack.append(.opaque)
        case UInt8(ascii: "b"):
            // BUILD sets the state of the object below on the stack; no supported object has a
            // state.
            _ = try pop()
            _ = try top()
        case UInt8(ascii: "Q"):
            let id = try pop()
            stack.append(try objects.persistent(id, heap: heap))
        default:
            throw FormatFailure(
                "the pickle has the opcode \(opcode), which torch doesn't write",
                at: cursor.position - 1)
        }
    }

    // MARK: - Pieces

    private mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type)
        throws(FormatFailure) -> Number
    {
        try cursor.littleEndian(type, "an operand of the pickle")
    }

    /// Operand of LONG1 and LONG4: two's complement, little-endian, any length.
    private mutating func longInteger(_ count: Int) throws(FormatFailure) -> PickleValue {
        let range = try cursor.take(count, "a long integer of the pickle")
        guard count <= 8 else { return .opaque }
        let bytes = cursor.file.withBytes(range) { Array($0) }
        let isNegative = (bytes.last ?? 0) & 0x80 != 0
        let value = bytes.reversed().reduce(isNegative ? UInt64.max : 0) { $0 << 8 | UInt64($1) }
        return Int(exactly: Int64(bitPattern: value)).map { .integer($0) } ?? .opaque
    }

    private mutating func string(
        _ count: some FixedWidthInteger
    ) throws(FormatFailure) -> PickleValue {
        guard let count = Int(exactly: count) else {
            throw cursor.failure("a string of \(count) bytes in the pickle")
        }
        return .string(try cursor.text(count, "a string of the pickle"))
    }

    private mutating func skip(_ count: some FixedWidthInteger) throws(FormatFailure) {
        guard let count = Int(exactly: count) else {
            throw cursor.failure("\(count) bytes in the pickle")
        }
        _ = try cursor.take(count, "bytes of the pickle")
        stack.append(.opaque)
    }

    /// Text up to the end of its line.
    private mutating func line() throws(FormatFailure) -> String {
        let length = cursor.file.withBytes(cursor.position..<cursor.end) {
            $0.prefix(Self.nameLimitBytes + 1).firstIndex(of: UInt8(ascii: "\n"))
        }
        guard let length else { throw cursor.failure("a name of the pickle without end") }
        let text = try cursor.text(length, "a name of the pickle")
        _ = try cursor.take(1, "a name of the pickle")
        return text
    }

    /// The stack's height at the current mark, below which nothing is popped.
    private var floor: Int { marks.last ?? 0 }

    private mutating func pop() throws(FormatFailure) -> PickleValue {
        guard stack.count > floor, let value = stack.popLast() else { throw underflow() }
        return value
    }

    private mutating func pop(_ count: Int) throws(FormatFailure) -> [PickleValue] {
        guard stack.count - floor >= count else { throw underflow() }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popToMark() throws(FormatFailure) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw underflow() }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[mark...])
    }

    private func top() throws(FormatFailure) -> PickleValue {
        guard stack.count > floor, let value = stack.last else { throw underflow() }
        return value
    }

    private mutating func recall(_ index: Int) throws(FormatFailure) {
        guard let value = memo[index] else {
            throw cursor.failure("the pickle recalls value \(index), which it never stored")
        }
        stack.append(value)
    }

    private func underflow() -> FormatFailure {
        cursor.failure("the pickle takes more values than it has put down")
    }

    private mutating func append(_ elements: [PickleValue]) throws(FormatFailure) {
        // Lists of unknown classes stay opaque.
        guard case .list(let index) = try top() else { return }
        heap.sequences[index] += elements
    }

    private mutating func set(_ pairs: [PickleValue]) throws(FormatFailure) {
        guard pairs.count % 2 == 0 else { throw cursor.failure("a key without a value") }
        guard case .dictionary(let index) = try top() else { return }
        for pair in stride(from: 0, to: pairs.count, by: 2) {
            heap.dictionaries[index].append((pairs[pair], pairs[pair + 1]))
        }
    }

    private mutating func global(module: String, name: String) throws(FormatFailure) {
        // Limits, because names can be recalled from the memo: a few bytes could make much text.
        guard heap.globals.count < Self.globalLimit, module.utf8.count <= Self.nameLimitBytes,
            name.utf8.count <= Self.nameLimitBytes
        else { throw cursor.failure("more or longer names of classes than any model has") }
        heap.globals.append("\(module).\(name)")
        stack.append(.global(heap.globals.count - 1))
    }

    private mutating func call(
        _ function: PickleValue, _ arguments: PickleValue
    ) throws(FormatFailure) {
        guard let name = heap.globalName(function), let arguments = heap.elements(arguments) else {
            return stack.append(.opaque)
        }
        stack.append(try objects.call(name, arguments, heap: &heap) ?? .opaque)
    }
}
