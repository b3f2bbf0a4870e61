using System.Text;

namespace AgentBudget.Cli.Top;

/// <summary>The whole terminal, which is given back as it was.</summary>
internal static class TopScreen
{
    // Of xterm, which terminals speak: another screen, no cursor; to the beginning; to the end of the line; below.
    private const string EnterCodes = "\e[?1049h\e[?25l";
    private const string LeaveCodes = "\e[?25h\e[?1049l";
    private const string Home = "\e[H";
    private const string ClearLine = "\e[K";
    private const string ClearBelow = "\e[J";

    internal static void Enter() => Console.Out.Write(EnterCodes);

    internal static void Leave()
    {
        Console.Out.Write(LeaveCodes);
        Console.Out.Flush();
    }

    /// <summary>Draws in one write, so that nothing flickers.</summary>
    internal static void Draw(IReadOnlyList<string> lines)
    {
        StringBuilder screen = new(Home);
        for (int index = 0; index < lines.Count; index++)
        {
            screen.Append(lines[index]).Append(ClearLine);
            if (index < lines.Count - 1) screen.Append("\r\n");
        }

        screen.Append(ClearBelow);
        Console.Out.Write(screen);
        Console.Out.Flush();
    }
}
