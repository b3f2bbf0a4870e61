using AgentBudget.Storage.Secrets;
using AgentBudget.Storage.Sqlite.Files;

namespace AgentBudget.Storage.Tests;

/// <summary>The secrets of a silo by itself keep the promises of those that silos share.</summary>
public sealed class SecretFolderTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-secrets-");

    private string Secrets => Path.Combine(_folder.FullName, "secrets");

    [Fact]
    public async Task A_secret_is_written_over_the_version_that_was_read_and_is_there_when_opened_again() =>
        await SharedSecretsKit.AssertWrittenByVersionAsync(Open(1), Open(2));

    [Fact]
    public async Task What_a_crash_left_half_written_is_not_read()
    {
        SecretFolder one = Open(1);
        Assert.True(await one.TryWriteAsync("a", 0, "first"u8.ToArray(), default));
        string file = Directory.GetFiles(Secrets, "*.secret").Single();
        await File.WriteAllTextAsync(file + ".new", "half");
        SealedSecret read = (await Open(2).ReadAsync("a", default))!;
        Assert.Equal("first"u8.ToArray(), read.Bytes.ToArray());
        Assert.True(await one.TryWriteAsync("a", 1, "second"u8.ToArray(), default));
    }

    [Fact]
    public async Task A_file_that_was_cut_off_is_a_fault_and_no_secret()
    {
        SecretFolder one = Open(1);
        Assert.True(await one.TryWriteAsync("a", 0, "first"u8.ToArray(), default));
        await File.WriteAllTextAsync(Directory.GetFiles(Secrets, "*.secret").Single(), "cut");
        await Assert.ThrowsAsync<StoreException>(() => one.ReadAsync("a", default).AsTask());
    }

    [Fact]
    public async Task Files_are_their_owners_alone_and_no_name_leads_out_of_the_folder()
    {
        SecretFolder one = Open(1);
        Assert.True(await one.TryWriteAsync("../../out/of/it", 0, "x"u8.ToArray(), default));
        string file = Directory.GetFiles(Secrets, "*.secret").Single();
        if (OperatingSystem.IsWindows()) return;
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Secrets));
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private SecretFolder Open(byte first) =>
        SecretFolder.Open(Secrets, () => new Guid(first, 2, 3, [4, 5, 6, 7, 8, 9, 1, 2]));
}
