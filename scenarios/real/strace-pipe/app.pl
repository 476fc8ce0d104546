open my $file, '>', 'app.pid';
print $file $$;
close $file;
while (1) { stat '/tmp'; select undef, undef, undef, 0.0005 }
