using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AgentBudget.Cli.Connecting;

/// <summary>
/// Asks for a secret in a terminal. The terminal's echo is off before the question is put, so that what is pasted at
/// once is not shown either, and on again afterwards, also after Ctrl+C.
/// </summary>
internal static class SecretPrompt
{
    private const int SecretBytesMax = 16 * 1024;

    public static async Task<string> AskAsync(string question, CancellationToken cancellation)
    {
        if (OperatingSystem.IsWindows()) return AskByKeys(question);
        await Console.Error.FlushAsync(cancellation); // The console sets the terminal up once, before it is hidden.
        using HiddenInput hidden = new();
        try
        {
            await Console.Error.WriteAsync(question);
            return await Task.Run(ReadLine, CancellationToken.None).WaitAsync(cancellation);
        }
        finally
        {
            await Console.Error.WriteLineAsync();
        }
    }

    // Past the console's own reader, which shows what it reads by itself.
    private static string ReadLine()
    {
        using SafeFileHandle terminal = new(HiddenInput.StandardInput, ownsHandle: false);
        using FileStream input = new(terminal, FileAccess.Read, bufferSize: 0);
        byte[] line = new byte[SecretBytesMax];
        int bytes = 0;
        while (bytes < line.Length && input.Read(line, bytes, line.Length - bytes) is > 0 and int more)
        {
            bytes += more;
            if (line[bytes - 1] == '\n') break;
        }

        return Encoding.UTF8.GetString(line, 0, bytes).Trim();
    }

    private static string AskByKeys(string question)
    {
        Console.Error.Write(question);
        StringBuilder typed = new();
        while (true)
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            if (key.Key == ConsoleKey.Enter) break;
            if (key.Key != ConsoleKey.Backspace) typed.Append(key.KeyChar);
            else if (typed.Length > 0) typed.Length--;
        }

        Console.Error.WriteLine();
        return typed.ToString().Trim();
    }
}
