// Converts the structures of options to the engine's types, and checks every member.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CSwiftDemucs
import System

/// A structure that begins with its size.
protocol SizedStructure {
    var size: Int { get set }
}

extension sd_open_options: SizedStructure {}
extension sd_model_info: SizedStructure {}
extension sd_progress: SizedStructure {}
extension sd_audio: SizedStructure {}
extension sd_quantize_options: SizedStructure {}
extension sd_quantize_report: SizedStructure {}

extension SizedStructure {
    /// Reads a structure in the layout of this version.
    ///
    /// - Parameter name: name of the argument in messages.
    /// - Throws: `SD_ERROR_ARGUMENT` for NULL, or a size that no version of the structure has.
    static func read(_ pointer: UnsafePointer<Self>?, _ name: String) throws(CallError) -> Self {
        let pointer = try required(pointer, name, "a structure")
        try checkSize(pointer.pointee.size, name)
        return pointer.pointee
    }

    /// - Parameter defaults: fills the structure if the pointer is NULL.
    static func read(
        _ pointer: UnsafePointer<Self>?, _ name: String,
        or defaults: (UnsafeMutablePointer<Self>?) -> Void
    ) throws(CallError) -> Self {
        if let pointer { return try read(pointer, name) }
        return withUnsafeTemporaryAllocation(of: Self.self, capacity: 1) { value in
            defaults(value.baseAddress)
            return value[0]
        }
    }

    /// Fills a structure of the caller.
    ///
    /// - Throws: `SD_ERROR_ARGUMENT` for a size that no version of the structure has.
    func write(to pointer: UnsafeMutablePointer<Self>?, _ name: String) throws(CallError) {
        guard let pointer else { return }
        try Self.checkSize(pointer.pointee.size, name)
        pointer.pointee = self
        pointer.pointee.size = MemoryLayout<Self>.size
    }

    /// All versions so far have the same members, so there is only one size.
    static func checkSize(_ size: Int, _ name: String) throws(CallError) {
        let expected = MemoryLayout<Self>.size
        try CallError.require(
            size == expected, "\(name)->size", size,
            "sizeof the structure, \(expected); sd_..._init sets it")
    }
}

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

/// C strings, or nil for NULL.
func texts(
    _ strings: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int, _ name: String
) throws(CallError) -> [String]? {
    guard let strings else {
        try CallError.require(count == 0, "the number of \(name)", count, "0 where they are NULL")
        return nil
    }
    try CallError.require(
        (1...1_000_000).contains(count), "the number of \(name)", count, "1 to 1,000,000")
    var texts: [String] = []
    for index in 0..<count { texts.append(try text(strings[index], "\(name)[\(index)]")) }
    return texts
}

/// A number of threads, or nil for all cores.
func threads(_ number: Int32) throws(CallError) -> Int? {
    try CallError.require(
        (0...1024).contains(number), "threads", number, "1 to 1024, or 0 for all cores")
    return number == 0 ? nil : Int(number)
}

/// A value of a C enumeration.
///
/// - Throws: `SD_ERROR_ARGUMENT` for a number that the enumeration doesn't have.
func choice<Raw: RawRepresentable, Value>(
    _ raw: Raw, _ name: String, _ values: [Value]
) throws(CallError) -> Value where Raw.RawValue: BinaryInteger {
    guard let index = Int(exactly: raw.rawValue), values.indices.contains(index) else {
        throw CallError(
            SD_ERROR_ARGUMENT,
            "\(name) is \(raw.rawValue), expected 0 to \(values.count - 1): see swift_demucs.h")
    }
    return values[index]
}

// MARK: - Defaults

@c @implementation
public func sd_open_options_init(_ options: UnsafeMutablePointer<sd_open_options>?) {
    options?.pointee = sd_open_options(
        size: MemoryLayout<sd_open_options>.size, stems: nil, stem_count: 0, threads: 0, jobs: 1,
        precision: SD_PRECISION_DEFAULT, repository: nil, log: nil, log_context: nil)
}

@c @implementation
public func sd_quantize_options_init(_ options: UnsafeMutablePointer<sd_quantize_options>?) {
    options?.pointee = sd_quantize_options(
        size: MemoryLayout<sd_quantize_options>.size, calibration_files: nil,
        calibration_file_count: 0, calibration_segments: 50, precision: SD_PRECISION_INT8,
        threads: 0, log: nil, log_context: nil,
        cancellation: nil)
}
