// The engine doesn't read ONNX files in browsers, where their reader would add much to its size.

extension ONNX {
    /// Refuses the file.
    static func read(
        _ file: FileBytes, external: @escaping (_ name: String) throws(WeightsError) -> FileBytes
    ) throws(FormatFailure) -> CheckpointContents {
        throw FormatFailure(
            unsupported: "the engine in browsers doesn't read this format; convert it by "
                + "`swift-demucs convert`, and give the safetensors file")
    }
}
