using System.Runtime.Versioning;

namespace AgentBudget.Identity.Tests;

[UnsupportedOSPlatform("windows")]
public sealed class KeyFileTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_first_start_makes_an_admin_key_that_only_its_owner_reads()
    {
        string path = _folder.File("admin.key");

        FileKey key = FileKey.LoadOrCreate(path, FileKey.AdminPrefix, out bool isNew);

        string text = File.ReadAllText(path).Trim();
        Assert.True(isNew);
        Assert.Matches("^abk_[A-Za-z0-9_-]{43}$", text);
        Assert.True(key.Matches(text));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void A_later_start_takes_the_key_that_is_there()
    {
        string path = _folder.File("admin.key");
        FileKey.LoadOrCreate(path, FileKey.AdminPrefix, out _);
        string text = File.ReadAllText(path).Trim();

        FileKey key = FileKey.LoadOrCreate(path, FileKey.AdminPrefix, out bool isNew);

        Assert.False(isNew);
        Assert.True(key.Matches(text));
    }

    [Theory]
    [InlineData("")]
    [InlineData("abk_")]
    [InlineData("abk_short")]
    [InlineData("abx_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("abk_AAAAAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAA")]
    public void A_file_without_a_key_is_refused_by_its_path(string content)
    {
        string path = _folder.File("admin.key");
        File.WriteAllText(path, content);

        InvalidDataException fault =
            Assert.Throws<InvalidDataException>(() => FileKey.LoadOrCreate(path, FileKey.AdminPrefix, out _));

        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("AAAA", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_key_does_not_match()
    {
        string path = _folder.File("admin.key");
        FileKey key = FileKey.LoadOrCreate(path, FileKey.AdminPrefix, out _);
        string text = File.ReadAllText(path).Trim();

        Assert.False(key.Matches(""));
        Assert.False(key.Matches(text.AsSpan(0, text.Length - 1)));
        Assert.False(key.Matches(text + "A"));
        Assert.False(key.Matches(text[..^1] + (text[^1] == 'A' ? 'B' : 'A')));
        Assert.False(key.Matches(new string('a', 10_000)));
        Assert.False(key.Matches("abk_\u00e9"));
    }

    [Fact]
    public void Comparing_the_key_allocates_nothing()
    {
        string path = _folder.File("admin.key");
        FileKey key = FileKey.LoadOrCreate(path, FileKey.AdminPrefix, out _);
        string text = File.ReadAllText(path).Trim();
        Assert.True(key.Matches(text));

        long before = GC.GetAllocatedBytesForCurrentThread();
        bool matches = key.Matches(text);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.True(matches);
        Assert.Equal(0, allocated);
    }

    [Fact]
    public void A_signing_key_keeps_its_name_over_restarts_and_is_readable_by_its_owner_only()
    {
        string path = _folder.File("signing.key");
        using SigningKey made = SigningKey.LoadOrCreate(path);
        using SigningKey loaded = SigningKey.LoadOrCreate(path);

        Assert.Equal(made.KeyId, loaded.KeyId);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void A_file_without_a_signing_key_is_refused_by_its_path()
    {
        string path = _folder.File("signing.key");
        File.WriteAllText(path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");

        InvalidDataException fault = Assert.Throws<InvalidDataException>(() => SigningKey.LoadOrCreate(path));

        Assert.Contains(path, fault.Message, StringComparison.Ordinal);
    }
}
