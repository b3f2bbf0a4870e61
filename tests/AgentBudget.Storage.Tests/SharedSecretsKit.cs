using AgentBudget.Storage.Secrets;

namespace AgentBudget.Storage.Tests;

/// <summary>What every store promises of secrets that silos share.</summary>
internal static class SharedSecretsKit
{
    public static async Task AssertWrittenByVersionAsync(ISharedSecrets one, ISharedSecrets other)
    {
        Assert.Equal(one.StoreId, other.StoreId);
        Assert.Null(await one.ReadAsync("signing", default));
        Assert.True(await one.TryWriteAsync("signing", 0, "first"u8.ToArray(), default));
        Assert.False(await other.TryWriteAsync("signing", 0, "late"u8.ToArray(), default));
        SealedSecret? read = await other.ReadAsync("signing", default);
        Assert.Equal(1, read!.Version);
        Assert.Equal("first"u8.ToArray(), read.Bytes.ToArray());
        Assert.True(await other.TryWriteAsync("signing", 1, "second"u8.ToArray(), default));
        Assert.False(await one.TryWriteAsync("signing", 1, "late"u8.ToArray(), default));
        Assert.Equal("second"u8.ToArray(), (await one.ReadAsync("signing", default))!.Bytes.ToArray());
    }
}
