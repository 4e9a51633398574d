// Formats that the engine doesn't read in browsers, where their readers would be a tenth of it.

extension ONNX {
    /// Refuses the file.
    static func read(
        _ file: FileBytes, external: @escaping (_ name: String) throws(WeightsError) -> FileBytes
    ) throws(FormatFailure) -> CheckpointContents {
        throw .toConvert
    }
}

extension GGUF {
    /// Refuses the file.
    static func read(_ file: FileBytes) throws(FormatFailure) -> CheckpointContents {
        throw .toConvert
    }
}

extension FormatFailure {
    fileprivate static var toConvert: FormatFailure {
        FormatFailure(
            unsupported: "the engine in browsers doesn't read this format; convert it by "
                + "`swift-demucs convert`, and give the safetensors file")
    }
}
