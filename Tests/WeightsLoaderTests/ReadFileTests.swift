import Foundation
import TestSupport
import Testing
import WeightsLoader

/// Files of several parts of 256 KiB, which are read where they are needed and released after it.
struct ReadFileTests {
    private static let partBytes = 1 << 18
    private let folder = TemporaryFolder()

    /// Tensors that begin and end at the parts' edges, beside them and within.
    private func write() throws -> (path: String, values: [[Float]], start: Int) {
        let part = Self.partBytes / 4
        let counts = [3, part - 3, part + 1, 1, 3 * part, 2 * part - 1, part, 40, 2 * part + 5]
        let values = counts.enumerated().map { index, count in
            (0..<count).map { Float(index + 1) + Float($0) / 1_048_576 }
        }
        let raw = RawCheckpoint(
            metadata: [:],
            tensors: values.enumerated().map { .init(name: "\($0)", shape: [$1.count], floats: $1) }
        )
        let data = try raw.data
        let start = data.count - 4 * counts.reduce(0, +)
        return (try folder.write(data, "parts.safetensors"), values, start)
    }

    @Test func whatIsReleasedIsReadAgain() throws {
        let (path, values, start) = try write()
        let checkpoint = try Checkpoint.open(path)
        // Not in order, so that parts are read beside those that are released.
        for index in [0, 4, 2, 4, 1, 3, 8, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7] {
            #expect(try checkpoint.floats(checkpoint.tensors[index]) == values[index], "\(index)")
        }
        #if os(Linux)
            // Each part that lies in one tensor has left the memory.
            var end = start
            for (tensor, values) in zip(checkpoint.tensors, values) {
                let range = end..<end + 4 * values.count
                end = range.upperBound
                let address = try checkpoint.read(tensor) { UInt(bitPattern: $0.baseAddress) }
                let parts = (range.lowerBound + Self.partBytes - 1) / Self.partBytes
                for part in parts..<max(parts, range.upperBound / Self.partBytes) {
                    let offset = part * Self.partBytes - range.lowerBound
                    let pages = UnsafeMutableRawPointer(bitPattern: address + UInt(offset))
                    var resident = [UInt8](repeating: 0, count: Self.partBytes / 4096)
                    #expect(mincore(pages, Self.partBytes, &resident) == 0)
                    #expect(resident.allSatisfy { $0 & 1 == 0 }, "\(tensor.name)")
                }
            }
        #endif
    }

    /// What can't be read any more is an error, never zeros: in a file that was cut, or written again.
    @Test(arguments: [true, false])
    func aFileThatChangesWhileItIsOpenIsRefused(isCut: Bool) throws {
        let (path, values, start) = try write()
        let checkpoint = try Checkpoint.open(path)
        let reader = checkpoint.parameters()
        for (index, values) in values.enumerated() where index < 3 {
            #expect(try reader.floats("\(index)", [values.count]) == values)
        }
        if isCut {
            #expect(truncate(path, off_t(start + 16)) == 0)
        } else {
            let date = Date(timeIntervalSince1970: 1)
            try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
        }
        let problems = [
            { _ = try checkpoint.floats(checkpoint.tensors[4]) },
            { _ = try checkpoint.read(checkpoint.tensors[4]) { $0.count } },
            { _ = try checkpoint.sha256() }, { try reader.finish() },
        ].map { call in #expect(throws: WeightsError.self) { try call() }?.problem }
        #expect(problems.allSatisfy { $0?.hasPrefix("can't be read: it ") == true }, "\(problems)")
    }
}
