using AgentBudget.Audit;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Options;
using AgentBudget.Storage;
using AgentBudget.Storage.Snapshots;
using AgentBudget.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Silo.Verify;

/// <summary>
/// Verifies the ledger of every tenant in a data folder or in a shared store, compares it with what was signed, and
/// says what it found. A folder it takes for itself, so no silo may run on it; beside a shared store silos may. Reads
/// only, so epochs, events and snapshots stay as they are.
/// </summary>
internal static class VerifyProcess
{
    /// <summary>
    /// Answers 0 when every ledger is clean, 65 when anything was found or a checkpoint's signature is wrong, 74 when
    /// the store cannot be opened or read. Throws <see cref="OptionsException"/> when there is no ledger, or not the
    /// file of checkpoints that was named.
    /// </summary>
    internal static async Task<int> RunAsync(SiloModel model, TextWriter output, TextWriter errors)
    {
        string folder = new DataFolder(model.Data).LedgerFolder;
        if (model.Cluster is null && !Directory.Exists(folder))
            throw new OptionsException($"There is no ledger in {model.Data}: name a silo's data folder with --data.");
        ILookup<string, LedgerCheckpoint> checkpoints;
        try
        {
            checkpoints = ReadCheckpoints(model).ToLookup(signed => signed.Tenant, StringComparer.Ordinal);
        }
        catch (InvalidDataException fault)
        {
            await errors.WriteLineAsync(fault.Message);
            return ExitCodes.Data;
        }

        try
        {
            await using ILedgerStore store = model.Cluster is { } cluster
                ? await cluster.Store.OpenAsync(ownerAddress: "", TimeProvider.System, NullLoggerFactory.Instance)
                : SqliteStore.Open(
                    new SqliteStoreOptions { Folder = folder, OnFailed = _ => { } }, NullLoggerFactory.Instance);
            return await VerifyAsync(store, checkpoints, model, output, errors);
        }
        catch (StoreException fault)
        {
            await errors.WriteLineAsync($"The ledger cannot be verified: {fault.Message}.");
            if (model.Cluster is null)
            {
                await errors.WriteLineAsync(
                    "If a silo runs on this folder, stop it first: it has the ledger for itself.");
            }

            return ExitCodes.Storage;
        }
    }

    private static async Task<int> VerifyAsync(
        ILedgerStore store,
        ILookup<string, LedgerCheckpoint> checkpoints,
        SiloModel model,
        TextWriter output,
        TextWriter errors)
    {
        // A tenant whose whole ledger is gone is there by its checkpoint.
        IReadOnlyList<StoredTenant> stored = await store.ListTenantsAsync(CancellationToken.None);
        SortedSet<string> tenants =
            new(stored.Select(tenant => tenant.Name).Concat(checkpoints.Select(of => of.Key)), StringComparer.Ordinal);
        string place = model.Cluster is null ? model.Data : model.Cluster.Store.Name;
        await output.WriteLineAsync($"Verifying every ledger in {place}: {tenants.Count}.");
        int wrong = 0;
        foreach (string tenant in tenants)
        {
            AuditReport report = await LedgerVerifier.VerifyAsync(
                store,
                tenant,
                new VerifyScope { Checkpoints = [.. checkpoints[tenant]] },
                new ProgressLines(errors),
                CancellationToken.None);
            VerifyText.Write(output, report);
            if (!report.IsClean) wrong++;
        }

        await output.WriteLineAsync(wrong == 0
            ? "Every ledger is clean."
            : $"{wrong} of {tenants.Count} ledgers are wrong.");
        return wrong == 0 ? ExitCodes.Ok : ExitCodes.Data;
    }

    // Those named, or those that the silo keeps by itself if there are any.
    private static IEnumerable<LedgerCheckpoint> ReadCheckpoints(SiloModel model)
    {
        bool isThere = File.Exists(model.CheckpointsPath);
        if (!isThere && model.CheckpointsPath != new DataFolder(model.Data).CheckpointsFile)
            throw new OptionsException($"The file {model.CheckpointsPath} does not exist.");
        if (!isThere)
            return [];
        if (!File.Exists(model.CheckpointKeyPath))
        {
            throw new OptionsException(
                $"There are checkpoints in {model.CheckpointsPath} and no key {model.CheckpointKeyPath} to verify them "
                + "with: name its public part with --checkpoint-key.");
        }

        CheckpointVerifier verifier = CheckpointVerifier.Load(model.CheckpointKeyPath);
        return CheckpointFile.Read(model.CheckpointsPath, verifier).Select(read => read.Checkpoint);
    }

    // A line now and then while a long journal is read; a short one needs none.
    private sealed class ProgressLines(TextWriter errors) : IProgress<VerifyProgress>
    {
        private const long EventsPerLine = 250_000; // About a second each.

        private long _next = EventsPerLine;

        public void Report(VerifyProgress value)
        {
            if (value.Events < _next) return;
            _next = value.Events + EventsPerLine;
            errors.WriteLine(
                $"{value.Tenant}: {value.Events:N0} of {value.EventsTotal:N0} events, {value.Findings:N0} findings");
        }
    }
}
