using AgentBudget.Audit;
using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Stores;
using AgentBudget.Silo.Verify;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using AgentBudget.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Silo.Copy;

/// <summary>Copies every ledger of a data folder to a shared store, or back, audits the copies and ends.</summary>
internal static class CopyProcess
{
    /// <summary>
    /// Copies from a data folder to the shared store. Answers 0 when every copy is whole and clean, 65 when one is not,
    /// 74 for a fault of a store.
    /// </summary>
    internal static Task<int> ImportAsync(
        string folder, SharedStoreModel store, TextWriter output, TextWriter errors) =>
        RunAsync(folder, store, isImport: true, output, errors);

    /// <summary>Copies from the shared store to a data folder; otherwise as <see cref="ImportAsync"/>.</summary>
    internal static Task<int> ExportAsync(
        string folder, SharedStoreModel store, TextWriter output, TextWriter errors) =>
        RunAsync(folder, store, isImport: false, output, errors);

    private static async Task<int> RunAsync(
        string folder, SharedStoreModel store, bool isImport, TextWriter output, TextWriter errors)
    {
        try
        {
            await using SqliteStore file = SqliteStore.Open(
                new SqliteStoreOptions { Folder = DataFolder.Take(folder).LedgerFolder, OnFailed = _ => { } },
                NullLoggerFactory.Instance);
            await using ISharedStore shared =
                await store.OpenAsync(ownerAddress: "", TimeProvider.System, NullLoggerFactory.Instance);
            return isImport
                ? await CopyAllAsync(file, shared, output)
                : await CopyAllAsync(shared, file, output);
        }
        catch (JournalDamagedException damage)
        {
            await errors.WriteLineAsync($"{damage.Message}; nothing of it was copied from there on.");
            return ExitCodes.Data;
        }
        catch (StoreException fault)
        {
            await errors.WriteLineAsync(fault.Message);
            return ExitCodes.Storage;
        }
    }

    private static async Task<int> CopyAllAsync<TStore>(ILedgerStore from, TStore to, TextWriter output)
        where TStore : ILedgerStore, IJournalImport
    {
        IReadOnlyList<StoredTenant> tenants = await from.ListTenantsAsync(CancellationToken.None);
        await output.WriteLineAsync($"Copying every ledger: {tenants.Count}.");
        int wrong = 0;
        foreach (StoredTenant tenant in tenants)
        {
            AuditReport report = await LedgerCopy.CopyAsync(from, to, tenant.Name, CancellationToken.None);
            VerifyText.Write(output, report);
            if (!report.IsClean) wrong++;
        }

        await output.WriteLineAsync(wrong == 0
            ? "Every copy is whole and clean."
            : $"{wrong} of {tenants.Count} ledgers are wrong, here and where they come from.");
        return wrong == 0 ? ExitCodes.Ok : ExitCodes.Data;
    }
}
