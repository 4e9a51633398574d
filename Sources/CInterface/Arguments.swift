// Checks arguments, and converts them to the engine's types.

import CSwiftDemucs
import System

/// An argument that may not be NULL.
func required<Value>(
    _ value: Value?, _ name: String, _ expected: String
) throws(CallError) -> Value {
    guard let value else {
        throw CallError(SD_ERROR_ARGUMENT, "\(name) is NULL, expected \(expected)")
    }
    return value
}

/// A C string.
///
/// - Throws: `SD_ERROR_ARGUMENT` for NULL and for bytes that are not UTF-8.
func text(_ string: UnsafePointer<CChar>?, _ name: String) throws(CallError) -> String {
    let string = try required(string, name, "a string")
    guard let text = String(validatingCString: string) else {
        throw CallError(
            SD_ERROR_ARGUMENT, "\(name) is not UTF-8: '\(String(cString: string))'")
    }
    return text
}

/// A C string, or nil for NULL.
func optionalText(_ string: UnsafePointer<CChar>?, _ name: String) throws(CallError) -> String? {
    string == nil ? nil : try text(string, name)
}

/// C strings, or nil for none.
func texts(
    _ strings: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ name: String
) throws(CallError) -> [String]? {
    guard let strings, count != 0 else {
        try CallError.require(count == 0, "the number of \(name)", count, "0 where they are NULL")
        return nil
    }
    try CallError.require(
        (1...1_000_000).contains(count), "the number of \(name)", count, "1 to 1,000,000")
    var texts: [String] = []
    for index in 0..<count { texts.append(try text(strings[index], "\(name)[\(index)]")) }
    return texts
}
