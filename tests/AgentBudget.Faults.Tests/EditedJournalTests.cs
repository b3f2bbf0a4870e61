using System.Text;
using AgentBudget.Protocol.V1;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Faults.Tests;

/// <summary>Somebody edits the ledger's file while the silo is down.</summary>
public sealed class EditedJournalTests
{
    private const int Clients = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task An_edited_byte_is_found_at_load_and_named()
    {
        await using var silo = new SiloProcess();
        await silo.StartAsync();
        using var client = new BudgetClient(silo);
        using var diary = new Diary(silo.Folder);
        using var load = new Load(client, diary, Seed.Value);
        await load.SetUpAsync(Clients);
        load.Start();
        await load.AnsweredAsync(500, Patience);
        await load.StopAsync(Patience);
        Assert.Equal(0, await silo.StopAsync());

        // The request id of an early call: it stands in the journal as text.
        EditOneByte(Directory.GetFiles(silo.Folder, "ledger.db", SearchOption.AllDirectories).Single(), "c0-3");

        await silo.StartAsync();
        var exception = await Assert.ThrowsAsync<RpcException>(
            () => client.GetBalanceAsync(new GetBalanceRequest { Grain = Accounts.Agent }));
        Assert.Equal(StatusCode.DataLoss, exception.StatusCode);
        Assert.Equal("JOURNAL_DAMAGED", exception.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason);
        Assert.Matches("[0-9]", exception.Message); // The place.
        var refused = await Assert.ThrowsAsync<RpcException>(() => load.AskAsync(diary.Read().Writes["c0-0"]));
        Assert.Equal(StatusCode.DataLoss, refused.StatusCode);
    }

    private static void EditOneByte(string path, string text)
    {
        byte[] bytes = File.ReadAllBytes(path);
        // Field 3 of a ledger event: tag, length, text.
        byte[] wanted = [(3 << 3) | 2, (byte)text.Length, .. Encoding.ASCII.GetBytes(text)];
        int at = bytes.AsSpan().IndexOf(wanted);
        Assert.True(at >= 0, $"{text} is not in {path}");
        bytes[at + wanted.Length - 1] ^= 1;
        File.WriteAllBytes(path, bytes);
    }
}
