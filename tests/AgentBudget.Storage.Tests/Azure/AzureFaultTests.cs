using AgentBudget.Storage.Azure;

namespace AgentBudget.Storage.Tests.Azure;

/// <summary>
/// Calls get lost and the service goes away and comes back while groups are appended. In the end each group is there
/// once. The numbers grow with AGENTBUDGET_AZURE_FAULTS and AGENTBUDGET_AZURE_RESTARTS, which eng/faults/azure.sh sets.
/// </summary>
[Collection(AzureTests.Name)]
public sealed class AzureFaultTests(AzuriteServers servers, ITestOutputHelper output)
{
    // Of the calls of a time of faults, appends and all others; a segment is full so soon that sealing fails too.
    private const int CallsPerFault = 4;
    private const int SegmentBlocks = 5;

    private static readonly LinkFault[] Faults =
        [LinkFault.BusyUnsent, LinkFault.TimedOutSent, LinkFault.BreakUnsent, LinkFault.BreakSent, LinkFault.Tear];

    [Fact]
    public async Task Every_group_is_there_once_however_often_its_call_is_lost()
    {
        int seed = NumberWriter.Times("AGENTBUDGET_FAULT_SEED", otherwise: 1);
        int faults = NumberWriter.Times("AGENTBUDGET_AZURE_FAULTS", otherwise: 20);
        output.WriteLine($"seed {seed}, {faults} times");
        AzureStoreOptions options = await servers.CreateStoreAsync();
        await using FaultLink link = new(servers.Server.BlobPort);
        await using AzureStore store = await AzuriteServers.OpenAsync(options with
        {
            Connection = servers.Server.Connection(blobPort: link.Port),
            SegmentBlocksMax = SegmentBlocks,
        });
        Random random = new(seed);
        await NumberWriter.WriteUnderAsync(store, faults, FailOneAsync, output);

        // Of the next calls one goes wrong.
        Task FailOneAsync()
        {
            int left = random.Next(CallsPerFault);
            LinkFault fault = Faults[random.Next(Faults.Length)];
            link.OnCall = head => FaultLink.IsAppend(head) && Interlocked.Decrement(ref left) == -1
                ? fault
                : LinkFault.None;
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task Every_group_is_there_once_however_often_the_service_goes_away()
    {
        int restarts = NumberWriter.Times("AGENTBUDGET_AZURE_RESTARTS", otherwise: 2);
        AzureStoreOptions options = await servers.CreateStoreAsync();
        await using AzureStore store =
            await AzuriteServers.OpenAsync(options with { SegmentBlocksMax = SegmentBlocks });
        await NumberWriter.WriteUnderAsync(store, restarts, RestartAsync, output);

        async Task RestartAsync()
        {
            await servers.Server.StopAsync();
            await servers.Server.StartAgainAsync();
        }
    }
}
