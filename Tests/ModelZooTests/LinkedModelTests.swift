import ModelZoo
import TestSupport
import Testing

/// The table of other authors' models, and how they are found.
@Suite struct LinkedModelTests {
    @Test func namesAreUniqueAndNotThoseOfPublishedModels() {
        let names = LinkedModel.all.map(\.name) + PublishedModel.all.map(\.name)
        #expect(Set(names).count == names.count)
    }

    @Test(arguments: LinkedModel.all.map(\.name))
    func filesHaveSecureAddressesAndWholeChecksums(_ name: String) throws {
        let model = try #require(LinkedModel.named(name))
        for file in [model.checkpoint, model.configuration].compactMap(\.self) {
            #expect(file.url.hasPrefix("https://"))
            if let sum = file.sha256 {
                #expect(sum.count == 64 && sum.allSatisfy { "0123456789abcdef".contains($0) })
            }
        }
        #expect(!model.licence.isEmpty && !model.summary.isEmpty)
    }

    @Test func theYAMLFileOfANameReplacesTheCheckpointsConfiguration() throws {
        let folder = TemporaryFolder()
        let checkpoint = try folder.write("", "repo/drumsep.th")
        try folder.write("model: hdemucs\n", "repo/drumsep.yaml")
        let store = try ModelStore(
            repository: folder.path("repo"), isOffline: true, environment: [:])
        let files = try store.find("drumsep")
        #expect(files.checkpoints == [checkpoint])
        #expect(files.configuration?.sections == ["model": .string("hdemucs")])
    }
}
