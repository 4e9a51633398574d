// Errors for chunks that another runtime has left incomplete or wrong.

import Foundation
import Networks
import Porting
import Tensor
import TestSupport
import Testing
import Tracks

@Suite struct StemAssemblyErrorTests {
    let fixture: PortedFixture

    init() throws {
        fixture = try PortedFixture()
        try fixture.prepare(try fixture.track(samples: 500))
        try fixture.run()
    }

    /// The error's text of assembling stems, which must fail and leave no files.
    private func message(outputs: StemAssembly.Outputs = .standard) -> String {
        do {
            _ = try fixture.stems(outputs: outputs)
            return "nothing was thrown"
        } catch {
            let files = try? FileManager.default.contentsOfDirectory(
                atPath: fixture.folder.path("stems"))
            #expect((files ?? []).isEmpty)
            return "\(error)"
        }
    }

    @Test func aMissingChunkIsNamedWithItsShape() throws {
        try FileManager.default.removeItem(atPath: ChunkFolder(fixture.chunks).folder(2))
        let text = message()
        #expect(text.hasPrefix(fixture.file("output", 2)), "\(text)")
        #expect(text.contains("float32 [1, 2, 4, 128, 3]"), "\(text)")
    }

    @Test func filesOfTwoTypesAreNotMixed() throws {
        let path = fixture.file("output", 3)
        let tensor = try fixture.tensor("output", 3, [1, 2, 4, 128, 3])
        try TensorFile.write(tensor, to: path, TensorEncoding(.raw, .float16))
        let text = message()
        #expect(text.hasPrefix(path) && text.contains("float16"), "\(text)")
    }

    @Test func anotherShapeIsNamed() throws {
        try FileManager.default.removeItem(atPath: fixture.file("add_67", 0))
        let array = fixture.file("add_67", 0, .npy)
        try TensorFile.write(
            NamedTensor("add_67", [1, 2, 160, 2], [Float](repeating: 0, count: 640)), to: array,
            TensorEncoding(.npy, .float32))
        let text = message()
        #expect(
            text == "\(array): has the shape [1, 2, 160, 2], expected [1, 2, 2, 160]", "\(text)")
    }

    @Test func oneTensorInTwoFilesIsAmbiguous() throws {
        try Data().write(to: URL(fileURLWithPath: fixture.file("output", 0, .npy)))
        #expect(message().contains("'output' exists as output.raw and output.npy"))
    }

    @Test func aWaveformUnderAnotherNameIsMissing() {
        #expect(message(outputs: .finished("stems")).contains("chunk-00000/stems.raw"))
    }
}
