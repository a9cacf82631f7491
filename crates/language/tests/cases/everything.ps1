Write-Output COLLECTED
