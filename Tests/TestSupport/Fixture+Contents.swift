// Information from a fixture's file name and metadata: the fixtures of a folder, the arguments of
// the reference's layer, and the precision of the reference itself.

import Foundation

extension Fixture {
    /// Fixtures in a folder under `Tests/Fixtures` whose names begin with `prefix`, sorted, without
    /// the folder and the ending. The folder must exist: no test may run over nothing.
    package static func names(in folder: String, prefix: String = "") -> [String] {
        let ending = ".safetensors"
        let path = FixtureCopies.sources.appendingPathComponent(folder).path
        do {
            return try FileManager.default.contentsOfDirectory(atPath: path)
                .filter { $0.hasPrefix(prefix) && $0.hasSuffix(ending) }
                .map { String($0.dropLast(ending.count)) }.sorted()
        } catch {
            fatalError("fixtures of \(folder): \(error)")
        }
    }

    /// The constructor arguments of the reference's layer, from the metadata.
    package func arguments<Arguments: Decodable>(as type: Arguments.Type) throws -> Arguments {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: metadata("kwargs"))
    }

    /// SNR of PyTorch's float32 result against its float64 one in dB; nil if it was not measured.
    package func ownSNRDecibels(_ output: String) throws -> Double? {
        guard checkpoint.metadata["snr_against_float64_db"] != nil else { return nil }
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        // Python writes an infinity without quotes, which JSON doesn't have.
        let text = String(decoding: metadata("snr_against_float64_db"), as: UTF8.self)
            .replacingOccurrences(of: ": Infinity", with: ": \"Infinity\"")
        return try decoder.decode([String: Double].self, from: Data(text.utf8))[output]
    }

    private func metadata(_ key: String) -> Data {
        Data((checkpoint.metadata[key] ?? "{}").utf8)
    }
}
