using System.Globalization;

namespace AgentBudget.Bench;

/// <summary>CPU time of a process, user and system, from /proc (proc(5), fields 14 and 15 of stat).</summary>
internal sealed class ServerCpu(int processId)
{
    // USER_HZ is 100 on every Linux that .NET runs on.
    private const long MicrosecondsPerTick = 10_000;

    private readonly string _path = $"/proc/{processId.ToString(CultureInfo.InvariantCulture)}/stat";

    public long ReadMicroseconds()
    {
        string stat = File.ReadAllText(_path);
        // The process's name may hold blanks; the fields after its last parenthesis are numbered from 3.
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        long ticks =
            long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture);
        return ticks * MicrosecondsPerTick;
    }
}
