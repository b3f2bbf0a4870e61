using AgentBudget.Silo.Options;

namespace AgentBudget.Silo.Hosting;

/// <summary>The folder of one silo, for its owner only.</summary>
internal sealed record DataFolder(string Path)
{
    /// <summary>The operator's key.</summary>
    public string AdminKeyFile => System.IO.Path.Combine(Path, "admin.key");

    /// <summary>The key that reads metrics.</summary>
    public string MetricsKeyFile => System.IO.Path.Combine(Path, "metrics.key");

    /// <summary>The key that signs session tokens.</summary>
    public string SigningKeyFile => System.IO.Path.Combine(Path, "signing.key");

    /// <summary>The key that names reservations.</summary>
    public string ReservationKeyFile => System.IO.Path.Combine(Path, "reservations.key");

    /// <summary>Public parts of the keys that signed before, and until when their tokens are taken.</summary>
    public string RetiredKeysFile => System.IO.Path.Combine(Path, "signing.retired.json");

    /// <summary>Until when proofs of keys are taken as used by whoever served here before.</summary>
    public string UsedProofsFile => System.IO.Path.Combine(Path, "proofs.used");

    /// <summary>The same for clients' assertions.</summary>
    public string UsedAssertionsFile => System.IO.Path.Combine(Path, "assertions.used");

    /// <summary>The key that signs checkpoints, where no other file is named.</summary>
    public string CheckpointKeyFile => System.IO.Path.Combine(Path, "checkpoint.key");

    /// <summary>The newest checkpoint of each ledger, where no other file is named.</summary>
    public string CheckpointsFile => System.IO.Path.Combine(Path, "ledger.checkpoints");

    /// <summary>Who is signed in to the dashboard, sealed.</summary>
    public string DashboardSessionsFile => System.IO.Path.Combine(Path, "dashboard.sessions");

    /// <summary>The store's own folder: the store accepts nothing else in it.</summary>
    public string LedgerFolder => System.IO.Path.Combine(Path, "ledger");

    /// <summary>The aggregator's file; rebuilt from the ledger when it is missing.</summary>
    public string ReportsFile => System.IO.Path.Combine(Path, "reports.db");

    /// <summary>Endpoints of notices, sealed; of a silo by itself.</summary>
    public string NoticesFolder => System.IO.Path.Combine(Path, "notices");

    /// <summary>The key that seals them.</summary>
    public string NoticesKeyFile => System.IO.Path.Combine(Path, "notices.key");

    /// <summary>The id of the shared store whose keys are here.</summary>
    public string StoreIdFile => System.IO.Path.Combine(Path, "store.id");

    /// <summary>
    /// Remembers whose keys and checkpoints are here. Throws <see cref="OptionsException"/> for another store.
    /// </summary>
    public void CheckStore(Guid store)
    {
        if (!File.Exists(StoreIdFile))
        {
            File.WriteAllText(StoreIdFile, $"{store}\n");
            return;
        }

        string known = File.ReadAllText(StoreIdFile).Trim();
        if (known != store.ToString())
        {
            throw new OptionsException(
                $"{Path} belongs to the store {known}, and the database is the store {store}: name another data "
                + "folder, or the database that this one belongs to.");
        }
    }

    /// <summary>Takes the folder, or makes it with mode 0700.</summary>
    public static DataFolder Take(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(
                path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return new DataFolder(path);
    }
}
