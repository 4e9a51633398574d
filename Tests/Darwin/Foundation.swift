// The declarations of Foundation that the package uses. Bodies are never run.

@_exported import Darwin

public struct Data: Sendable, Hashable, RandomAccessCollection, MutableCollection,
    RangeReplaceableCollection
{
    public init() {}
    public init(_ bytes: some Sequence<UInt8>) {}
    public init(bytes: UnsafeRawPointer, count: Int) {}
    public init?(base64Encoded bytes: Data) {}
    public var startIndex: Int { 0 }
    public var endIndex: Int { 0 }
    public subscript(_ index: Int) -> UInt8 {
        get { 0 }
        set {}
    }
    public mutating func replaceSubrange(
        _ range: Range<Int>, with bytes: some Collection<UInt8>
    ) {}
    public func withUnsafeBytes<Value>(
        _ body: (UnsafeRawBufferPointer) throws -> Value
    ) rethrows -> Value { try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
}

open class JSONEncoder {
    public struct OutputFormatting: OptionSet, Sendable {
        public let rawValue: UInt
        public init(rawValue: UInt) { self.rawValue = rawValue }
        public static let prettyPrinted = Self(rawValue: 1)
        public static let sortedKeys = Self(rawValue: 2)
        public static let withoutEscapingSlashes = Self(rawValue: 8)
    }
    public enum KeyEncodingStrategy: Sendable { case useDefaultKeys, convertToSnakeCase }
    public enum NonConformingFloatEncodingStrategy: Sendable {
        case `throw`
        case convertToString(positiveInfinity: String, negativeInfinity: String, nan: String)
    }
    open var outputFormatting: OutputFormatting = []
    open var nonConformingFloatEncodingStrategy = NonConformingFloatEncodingStrategy.throw
    open var keyEncodingStrategy = KeyEncodingStrategy.useDefaultKeys
    public init() {}
    open func encode(_ value: some Encodable) throws -> Data { Data() }
}

open class JSONDecoder {
    public enum KeyDecodingStrategy: Sendable { case useDefaultKeys, convertFromSnakeCase }
    open var keyDecodingStrategy = KeyDecodingStrategy.useDefaultKeys
    public init() {}
    open func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
        fatalError()
    }
}

public struct URL: Sendable {
    public var isFileURL: Bool { true }
    public var path: String { "" }
    public var absoluteString: String { "" }
}

public protocol LocalizedError: Error {
    var errorDescription: String? { get }
}
extension LocalizedError {
    public var errorDescription: String? { nil }
}
extension Error {
    public var localizedDescription: String { "" }
}
