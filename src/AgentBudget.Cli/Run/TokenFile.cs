using AgentBudget.Cli.Connecting;
using AgentBudget.Client;

namespace AgentBudget.Cli.Run;

/// <summary>
/// The session's present token in a file that its user alone reads, for commands that outlive the token they started
/// with. Gone with the command.
/// </summary>
internal sealed class TokenFile : IDisposable
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-run-");
    private readonly BudgetSession _session;
    private readonly Timer _timer;
    private string _written = "";

    public TokenFile(BudgetSession session)
    {
        _session = session;
        WriteIfNew();
        _timer = new Timer(_ => WriteIfNew(), state: null, LookInterval, LookInterval);
    }

    public string Name => Path.Combine(_folder.FullName, "token");

    public void Dispose()
    {
        _timer.Dispose();
        lock (_folder) _folder.Delete(recursive: true);
    }

    private void WriteIfNew()
    {
        lock (_folder)
        {
            _folder.Refresh();
            if (_session.Token == _written || !_folder.Exists) return;
            _written = _session.Token;
            SecretFile.Write(Name + ".new", _written);
            File.Move(Name + ".new", Name, overwrite: true);
        }
    }
}
