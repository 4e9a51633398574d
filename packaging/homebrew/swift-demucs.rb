# Homebrew formula: builds from source with Xcode's Swift, or the swift formula's on Linux.
#
# Not tested: neither `brew install` nor `brew audit` has been run; Tests/system/check_packaging checks syntax and
# version. For a release, OWNER becomes the owner of the repository and sha256 the checksum of the
# tag's source archive (`curl -L URL | sha256sum`), which exists only once the tag does.
class SwiftDemucs < Formula
  desc "Separate music into drums, bass, other and vocals with HTDemucs"
  homepage "https://github.com/OWNER/swift-demucs"
  url "https://github.com/OWNER/swift-demucs/archive/refs/tags/v0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "pkgconf" => :build
  depends_on xcode: ["16.3", :build]
  depends_on "lame"
  depends_on "libarchive"
  depends_on "libmicrohttpd"
  depends_on "libsndfile"
  depends_on macos: :sequoia

  uses_from_macos "swift" => :build
  uses_from_macos "curl"

  def install
    system "swift", "build", "--disable-sandbox", "-c", "release", "--product", "swift-demucs"
    binaries = Utils.safe_popen_read("swift", "build", "-c", "release", "--show-bin-path").chomp
    system "packaging/layout", "program", binaries, prefix
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/swift-demucs --version")
    system bin/"swift-demucs", "selftest"
  end
end
