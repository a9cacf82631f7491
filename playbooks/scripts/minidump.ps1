<#
.SYNOPSIS
    Writes a memory dump of every process with a given name, and packs the dumps into one archive.
.DESCRIPTION
    The archive is <Windows>\Temp\<name>.dmp.zip. Nothing is stopped: the process is paused only while
    its memory is read. The process that holds people's credentials is refused. Windows PowerShell 5.1
    and later.
.PARAMETER Name
    The name of the process, without .exe.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true, Position = 0)]
    [ValidatePattern('^[A-Za-z0-9_. -]{1,64}$')]
    [string] $Name
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$Temp = Join-Path $env:SystemRoot 'Temp'
$Archive = Join-Path $Temp "$Name.dmp.zip"
# A browser has dozens of processes of one name; the largest ones hold what is looked for.
$ProcessesMax = 5

$Native = @'
using System;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

public static class Dump
{
    // 2 is MiniDumpWithFullMemory.
    [DllImport("dbghelp.dll", SetLastError = true)]
    public static extern bool MiniDumpWriteDump(
        IntPtr process, uint processId, SafeFileHandle file, uint type,
        IntPtr exception, IntPtr stream, IntPtr callback);
}
'@

$folder = $null
try {
    if ($Name -eq 'lsass') { throw 'a dump of lsass holds credentials; it is not taken' }
    $processes = @(Get-Process -Name $Name -ErrorAction SilentlyContinue |
        Sort-Object -Property WorkingSet64 -Descending | Select-Object -First $ProcessesMax)
    if ($processes.Count -eq 0) { throw "no process is called $Name" }
    Add-Type -TypeDefinition $Native

    # A new folder with a name nobody can guess: nothing can wait in its place.
    $folder = Join-Path $Temp ('svar-' + [Guid]::NewGuid().ToString('N'))
    New-Item -ItemType Directory -Path $folder | Out-Null
    foreach ($process in $processes) {
        $path = Join-Path $folder "$Name.$($process.Id).dmp"
        $file = [IO.File]::Open($path, [IO.FileMode]::CreateNew)
        try {
            $zero = [IntPtr]::Zero
            if (-not [Dump]::MiniDumpWriteDump($process.Handle, $process.Id, $file.SafeFileHandle, 2, $zero, $zero, $zero)) {
                throw "process $($process.Id) could not be dumped: error $([Runtime.InteropServices.Marshal]::GetLastWin32Error())"
            }
        }
        finally {
            $file.Dispose()
        }
    }
    if (Test-Path -LiteralPath $Archive) { Remove-Item -LiteralPath $Archive -Force }
    # Not Compress-Archive, which ends at 2 GB for each file.
    Add-Type -AssemblyName System.IO.Compression.FileSystem
    [IO.Compression.ZipFile]::CreateFromDirectory($folder, $Archive)
    Write-Output "DUMPED processes=$($processes.Count) bytes=$((Get-Item -LiteralPath $Archive).Length)"
}
catch {
    Write-Output "DUMP-FAILED $($_.Exception.Message)"
    exit 1
}
finally {
    if ($folder -and (Test-Path -LiteralPath $folder)) { Remove-Item -LiteralPath $folder -Recurse -Force }
}
exit 0
